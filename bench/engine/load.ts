/**
 * What it costs a shard thread to load a batch whose million packets are all claimed: from the store's first statement
 * to an actor that answers, in a process of its own, from a PostgreSQL that has the rows in memory.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { systemRandom } from '../../engine/adapters/random.ts';
import { shardOf } from '../../engine/core/hash.ts';
import { startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { Actor } from '../../engine/shard/actor.ts';
import { migrate } from '../../engine/store/migrate.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import type { Cleanup } from '../support/cleanup.ts';

export interface LoadRound {
  readonly claims: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Longest time in which the thread answered nobody. */
  readonly blockedMs: number;
  /** Heap and external memory at its highest, and what stays. */
  readonly peakBytes: number;
  readonly keptBytes: number;
}

const batchId = '1';
const amount = 100;
const resolutionMs = 1;
const sampleMs = 2;

/** Loads the same batch `rounds` times, each in a new process. */
export async function loadBench(
  claims: number,
  rounds: number,
  cleanup: Cleanup,
): Promise<LoadRound[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hongbao-bench-'));
  cleanup.add(() => rm(dataDir, { recursive: true, force: true }));
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: console.error };
  const server = await startEmbeddedPostgres({ dataDir, log });
  cleanup.add(() => server.stop());
  try {
    await migrate(server.url);
    await insertBatch(server.url, claims);
    const results: LoadRound[] = [];
    for (let i = 0; i < rounds; i += 1) results.push(await inOwnProcess(server.url));
    return results;
  } finally {
    await server.stop();
  }
}

/** As settling leaves it, ids in no order; what settling costs is measured elsewhere. */
async function insertBatch(url: string, claims: number): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(
      `INSERT INTO batch (id, shard, created_at, confirmed_at, last_event_at, expires_at, expires_in, total, each, count,
         once_per_receiver, anyone, mode, asset, sender, link_key, greeting, version, claimed, opened, opened_amount)
       VALUES ($1, $2, 1, 1, 1 + $3::int, 9000000000000, 86400, ($3::bigint + 1) * $4::bigint, $4::bigint, $3::int + 1, true, true, 'fixed',
         'CNY', 'sender', 'key', '', $3::int, $3::int, $3::int, $3::bigint * $4::bigint)`,
      [batchId, shardOf(batchId), claims, amount],
    );
    const receiver = `'receiver-' || substr(md5(i::text), 1, 7)  || i`;
    const of = `FROM generate_series(1, $2::int) AS i`;
    await client.query(
      `INSERT INTO packet (batch, packet, claimed_at, receiver, guard, amount, opened_at, opened_by_claim)
       SELECT $1::bigint, i, 1 + i, ${receiver}, 0, $3::bigint, 1 + i, true ${of}`,
      [batchId, claims, amount],
    );
    await client.query(
      `INSERT INTO event (batch, at, amount, version, packet, kind, receiver)
       SELECT $1::bigint, 1 + i, $3::bigint, i, i, 1, ${receiver} ${of}`,
      [batchId, claims, amount],
    );
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

async function inOwnProcess(url: string): Promise<LoadRound> {
  const child = fork(fileURLToPath(import.meta.url), [url], { execArgv: ['--expose-gc'] });
  const exited = once(child, 'exit');
  const told = once(child, 'message').then(([round]) => round as LoadRound);
  const first = await Promise.race([told, exited.then(([code]) => new Error(`it ended: ${code}`))]);
  await exited;
  if (first instanceof Error) throw first;
  return first;
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measure(url: string): Promise<LoadRound> {
  const store = await postgresStore({ url, observer: silentObserver, poolMax: 2 });
  await store.load('2');
  globalThis.gc?.();
  const before = used();
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, used())), sampleMs);
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const loaded = await store.load(batchId);
  if (loaded.kind !== 'active') throw new Error(loaded.kind);
  const actor = new Actor(loaded.state, shardOf(batchId), systemRandom());
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  peak = Math.max(peak, used());
  // The last block ends with the sample that comes after it.
  await new Promise((resolve) => setTimeout(resolve, 20 * resolutionMs));
  delay.disable();
  clearInterval(sampler);
  globalThis.gc?.();
  const kept = used() - before;
  await store.close();
  return {
    claims: actor.state.packets.claimed,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    blockedMs: Math.max(0, delay.max / 1e6 - resolutionMs),
    peakBytes: peak - before,
    keptBytes: kept,
  };
}

// The other process.
if (import.meta.main) process.send?.(await measure(process.argv[2] ?? ''));
