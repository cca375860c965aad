/** The journals under the engine's benchmarks; each round gets an empty one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../../engine/adapters/clock.ts';
import { startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import { postgresJournal } from '../../engine/journal/postgres.ts';
import { redisJournal } from '../../engine/journal/redis.ts';
import { shardCount } from '../../engine/limits.ts';
import type { Journal } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { startRedis } from '../../test/setup/redis.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { journalId } from './store.ts';

export interface OpenJournal {
  readonly journal: Journal;
  readonly close: () => Promise<void>;
}

/** Opens an empty journal, bound to the benchmark's store. */
export type OpenEmptyJournal = () => Promise<OpenJournal>;

/** Keeps nothing and answers at once: what is left is the engine's own work. */
export function instantJournal(): Journal {
  const owners = Array.from({ length: shardCount }, () => 0);
  const unused = () => Promise.reject(new Error('the instant journal cannot do that'));
  return {
    add: () => Promise.resolve(),
    ownership: () => Promise.resolve({ journalId, runId: 'one', owners }),
    take(shards, number) {
      for (const shard of shards) owners[shard] = Math.max(owners[shard] ?? 0, number);
      return Promise.resolve();
    },
    bind: () => Promise.resolve(journalId),
    read: unused,
    consume: unused,
    depth: () => Promise.resolve(0),
    pressure: () => Promise.resolve({ ratio: 0 }),
    close: () => Promise.resolve(),
  };
}

export const openInstant: OpenEmptyJournal = () =>
  Promise.resolve({ journal: instantJournal(), close: () => Promise.resolve() });

/** A Redis of its own for every round, with the settings that production must have. */
export function openRedis(cleanup: Cleanup): OpenEmptyJournal {
  return async () => {
    const redis = await startRedis();
    cleanup.add(() => redis.remove());
    const { url } = redis;
    const journal = await redisJournal({ url, observer: silentObserver, clock: systemClock });
    await journal.bind(journalId);
    return {
      journal,
      async close() {
        await journal.close();
        await redis.remove();
      },
    };
  };
}

/** One embedded PostgreSQL, a schema of its own for every round. */
export async function openPostgres(cleanup: Cleanup): Promise<OpenEmptyJournal> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hongbao-bench-'));
  cleanup.add(() => rm(dataDir, { recursive: true, force: true }));
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: console.error };
  const server = await startEmbeddedPostgres({ dataDir, log });
  cleanup.add(() => server.stop());
  const { url } = server;
  let rounds = 0;
  return async () => {
    rounds += 1;
    const schema = `bench_${rounds}`;
    const options = { url, schema, observer: silentObserver, clock: systemClock };
    const journal = await postgresJournal(options);
    await journal.bind(journalId);
    return {
      journal,
      async close() {
        await journal.close();
        const client = new pg.Client(url);
        await client.connect();
        await client.query(`DROP SCHEMA ${schema} CASCADE`);
        await client.end();
      },
    };
  };
}
