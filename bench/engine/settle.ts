/**
 * (d) Settling alone: claims that stand in the journal, moved into an empty ledger by one settle worker.
 *
 * The worker is this process, the journal is filled by another one before the clock runs (or while it runs, with
 * `claimsPerSecond`: then jobs come as a busy server adds them, and a transaction holds what came meanwhile).
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { systemClock } from '../../engine/adapters/clock.ts';
import { encodeEvent, encodePayload } from '../../engine/core/codec.ts';
import { shardOf } from '../../engine/core/hash.ts';
import { startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import { redisJournal } from '../../engine/journal/redis.ts';
import { shardCount } from '../../engine/limits.ts';
import { jobId } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { migrate } from '../../engine/store/migrate.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { startRedis } from '../../test/setup/redis.ts';
import { startSettleWorker } from '../../workers/settle.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { descendants } from '../support/processes.ts';

export interface SettleWorkload {
  readonly name: string;
  readonly batches: number;
  readonly claims: number;
  /** Claims of one journal job: as many as a flush carries. */
  readonly claimsPerJob: number;
  /** Undefined: all of them are there before the worker starts. */
  readonly claimsPerSecond?: number;
}

export interface SettleRound {
  readonly claims: number;
  /** From the worker's start (or the last job added) until everything is settled. */
  readonly seconds: number;
  readonly transactions: number;
  readonly cpuMicrosPerClaim: {
    readonly worker: number;
    readonly postgres: number;
    readonly redis: number;
  };
  readonly walBytesPerClaim: number;
}

const settledMs = 300_000;
const settledPollMs = 100;
const addsAtOnce = 8;
const amount = 100;

/** An empty ledger and an empty journal for each round; the caller's cleanup removes them. */
export async function settleRound(
  workload: SettleWorkload,
  cleanup: Cleanup,
): Promise<SettleRound> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hongbao-bench-'));
  cleanup.add(() => rm(dataDir, { recursive: true, force: true }));
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: console.error };
  const server = await startEmbeddedPostgres({ dataDir, log });
  cleanup.add(() => server.stop());
  const redis = await startRedis();
  cleanup.add(() => redis.remove());
  await migrate(server.url);
  const client = new pg.Client(server.url);
  client.on('error', quiet);
  await client.connect();
  try {
    await insertBatches(client, workload);
    return await settleAll(workload, server.url, redis, client);
  } finally {
    await client.end();
    await server.stop();
    await redis.remove();
  }
}

async function settleAll(
  workload: SettleWorkload,
  databaseUrl: string,
  redis: { readonly url: string; readonly pid: number | undefined },
  client: pg.Client,
): Promise<SettleRound> {
  let transactions = 0;
  const observer = { ...silentObserver, settled: () => void (transactions += 1), alarm };
  const clock = systemClock;
  const store = await postgresStore({ url: databaseUrl, observer, poolMax: 8 });
  const journal = await redisJournal({ url: redis.url, observer, clock });
  try {
    await journal.bind((await store.journalId()).id);
    const shards = Array.from({ length: shardCount }, (_, shard) => shard);
    const number = await store.newOwner(shards);
    await journal.take(shards, number);
    await client.query('CHECKPOINT');

    const fed = feed({ workload, url: redis.url, number });
    if (workload.claimsPerSecond === undefined) await fed;
    const before = await look(client, redis.pid);
    let startedAt = performance.now();
    const consumer = await startSettleWorker({ store, journal, clock, observer });
    if (workload.claimsPerSecond !== undefined) {
      await fed;
      startedAt = performance.now();
    }
    const jobs = Math.ceil(workload.claims / workload.claimsPerJob);
    const deadline = performance.now() + settledMs;
    while (((await store.progress([number]))[0]?.settled ?? 0) < jobs) {
      if (performance.now() > deadline) throw new Error('not settled in time');
      await sleep(settledPollMs);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    // What has settled is still to be taken off the journal.
    while ((await journal.depth()) > 0) await sleep(settledPollMs);
    const after = await look(client, redis.pid);
    await consumer.close();
    const per = (of: 'worker' | 'postgres' | 'redis') =>
      ((after[of] - before[of]) * 1e6) / workload.claims;
    return {
      claims: workload.claims,
      seconds,
      transactions,
      cpuMicrosPerClaim: {
        worker: per('worker'),
        postgres: per('postgres'),
        redis: per('redis'),
      },
      walBytesPerClaim: (after.wal - before.wal) / workload.claims,
    };
  } finally {
    await journal.close();
    await store.close();
  }
}

function alarm(what: string, detail: string): never {
  throw new Error(`${what}: ${detail}`);
}

/** CPU seconds so far, and the end of the write-ahead log. */
async function look(client: pg.Client, redisPid: number | undefined) {
  const { rows } = await client.query<{ wal: string }>(
    `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal`,
  );
  const { user, system } = process.cpuUsage();
  const servers = (await descendants(process.pid)).filter(({ name }) => name === 'postgres');
  let postgres = 0;
  for (const { pid, parent } of servers) {
    const isFirst = servers.every((other) => other.pid !== parent);
    // The first server has waited for the others that ended, vacuum workers above all.
    postgres += await cpuSeconds(pid, isFirst);
  }
  return {
    worker: (user + system) / 1e6,
    postgres,
    redis: redisPid === undefined ? 0 : await cpuSeconds(redisPid, false),
    wal: Number(rows[0]?.wal),
  };
}

const ticksPerSecond = 100;

async function cpuSeconds(pid: number, withEnded: boolean): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
  const ticks = fields.slice(11, withEnded ? 15 : 13).map(Number);
  return ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond;
}

/** Confirmed batches with one packet too many each, so that none of them ends. */
async function insertBatches(client: pg.Client, { batches, claims }: SettleWorkload) {
  const ids = Array.from({ length: batches }, (_, i) => String(i + 1));
  const count = Math.ceil(claims / batches) + 1;
  await client.query(
    `INSERT INTO batch (id, shard, created_at, confirmed_at, last_event_at, expires_at, expires_in, total, each, count,
       once_per_receiver, anyone, mode, asset, sender, link_key, greeting)
     SELECT u.id, u.shard, 1, 1, 1, 9000000000000, 86400, $3::bigint * $4, $4, $3, true, true, 'fixed', 'CNY', 'sender', 'key', ''
     FROM unnest($1::bigint[], $2::smallint[]) AS u (id, shard)`,
    [ids, ids.map(shardOf), count, amount],
  );
  await client.query(
    `INSERT INTO account (owner, asset, balance)
     SELECT 'escrow:' || id, 'CNY', $2::bigint FROM unnest($1::bigint[]) AS id`,
    [ids, count * amount],
  );
}

interface Feed {
  readonly workload: SettleWorkload;
  readonly url: string;
  readonly number: number;
}

/** Another process adds the jobs, so that only settling counts as this one's CPU. */
async function feed(what: Feed): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(what)]);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the journal was not filled (${code})`);
}

async function fill({ workload, url, number }: Feed): Promise<void> {
  const journal = await redisJournal({ url, observer: silentObserver, clock: systemClock });
  const { batches, claims, claimsPerJob, claimsPerSecond } = workload;
  const startedAt = performance.now();
  const under = new Set<Promise<void>>();
  for (let seq = 1; (seq - 1) * claimsPerJob < claims; seq += 1) {
    const first = (seq - 1) * claimsPerJob;
    const wait =
      claimsPerSecond === undefined
        ? 0
        : (first / claimsPerSecond) * 1_000 - (performance.now() - startedAt);
    if (wait > 0) await sleep(wait);
    while (under.size >= addsAtOnce) await Promise.race(under);
    const payload = payloadOf(number, seq, first, Math.min(claims, first + claimsPerJob), batches);
    const adding = journal.add(jobId(number, seq), payload).finally(() => under.delete(adding));
    under.add(adding);
  }
  await Promise.all(under);
  await journal.close();
}

/** Claims go round over the batches; every receiver claims once. */
function payloadOf(number: number, seq: number, first: number, end: number, batches: number) {
  const texts: string[] = [];
  const shards = new Set<number>();
  const at = Date.now();
  for (let i = first; i < end; i += 1) {
    const batchId = String(1 + (i % batches));
    const packet = 1 + Math.floor(i / batches);
    shards.add(shardOf(batchId));
    texts.push(
      encodeEvent({
        kind: 'claimed',
        batchId,
        version: packet,
        at,
        packet,
        receiverId: receiverOf(i),
        amount,
        tag: undefined,
        position: undefined,
      }),
    );
  }
  return encodePayload(number, seq, shards, texts);
}

/** Ids as users have them: in no order. */
function receiverOf(i: number): string {
  const mixed = Math.imul(i + 1, 0x9e3779b1) >>> 0;
  return `receiver-${mixed.toString(36)}`;
}

// The other process.
if (import.meta.main) await fill(JSON.parse(process.argv[2] ?? '') as Feed);
