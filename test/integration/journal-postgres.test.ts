import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';
import { producerPool, workerPool } from '../../engine/journal/postgres-pool.ts';
import { type PostgresFacts, unsafePostgres } from '../../engine/journal/postgres-settings.ts';
import { postgresJournal } from '../../engine/journal/postgres.ts';
import { JournalUnsafe } from '../../engine/journal/unsafe.ts';
import type { Journal } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { arrivals, untilItWorks } from '../contract/journal-support.ts';

/** An operation on a server that hangs must have failed by then. */
const failsWithinMs = 10_000;

let folder: string;
let server: EmbeddedPostgres;
let journal: Journal;
let seq = 0;
const nextId = () => `1-${(seq += 1)}`;

const open = (url = server.url) =>
  postgresJournal({ url, clock: systemClock, observer: silentObserver });

async function admin(...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const sql of statements) ({ rows } = await client.query<Record<string, unknown>>(sql));
    return rows;
  } finally {
    await client.end();
  }
}

const postmasterPid = async () =>
  Number((await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8')).split('\n', 1)[0]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hongbao-journal-'));
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  server = await startEmbeddedPostgres({ dataDir: folder, log });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  // The test before may have killed the server, which starts again by itself.
  journal = await untilItWorks(() => open());
});
afterEach(() => journal.close());

describe('a PostgreSQL that could lose a job', () => {
  const right: PostgresFacts = {
    version: 180_004,
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    in_recovery: false,
    schema: 'bullmq',
  };
  const wrong: [Partial<PostgresFacts>, string][] = [
    [{ fsync: 'off' }, 'fsync = on'],
    [{ full_page_writes: 'off' }, 'full_page_writes = on'],
    [{ synchronous_commit: 'local' }, 'no "options" in DATABASE_URL'],
    [{ in_recovery: true }, 'DATABASE_URL to the primary'],
    [{ version: 140_010 }, 'PostgreSQL 15 or later'],
    [{ schema: 'public' }, 'no "options" in DATABASE_URL'],
  ];
  test.each(wrong)('is told by %o', (facts, line) => {
    expect(unsafePostgres(right, 'bullmq')).toEqual([]);
    const lines = unsafePostgres({ ...right, ...facts }, 'bullmq').map((setting) => setting.line);
    expect(lines).toEqual([line]);
  });

  test('does not come from the role, and a URL that brings it is refused', async () => {
    await admin('ALTER ROLE CURRENT_USER SET synchronous_commit = off');
    try {
      for (const pool of [producerPool(server.url, 'bullmq'), workerPool(server.url, 'bullmq')]) {
        const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
        for (const client of clients) {
          const { rows } = await client.query<{ synchronous_commit: string }>(
            'SHOW synchronous_commit',
          );
          expect(rows).toEqual([{ synchronous_commit: 'on' }]);
          client.release();
        }
        await pool.end();
      }
      const url = `${server.url}?options=-c%20synchronous_commit%3Doff`;
      const opened = open(url);
      await expect(opened).rejects.toThrow(JournalUnsafe);
      await expect(opened).rejects.toThrow('synchronous_commit is off');
    } finally {
      await admin('ALTER ROLE CURRENT_USER RESET synchronous_commit');
    }
  });
});

describe('a PostgreSQL that goes away', () => {
  test('keeps over kill -9 what it accepted, is another run, and settles on', async () => {
    await journal.bind('id');
    await journal.take([3], 7);
    const [first, second] = [nextId(), nextId()];
    await journal.add(first, 'first');
    const before = await journal.ownership();
    process.kill(await postmasterPid(), 'SIGKILL');
    // Its sessions outlive it for a moment, so the old run may still answer.
    const after = await untilItWorks(async () => {
      const read = await journal.ownership();
      expect(read.runId).not.toBe(before.runId);
      return read;
    });
    await untilItWorks(() => journal.add(second, 'second'));
    expect({ ...after, runId: '' }).toEqual({ ...before, runId: '' });
    expect(await journal.read([first, second])).toEqual(['first', 'second']);

    const got = arrivals();
    await journal.consume(got.handler, { concurrency: 2 });
    await got.arrived(2);
    process.kill(await postmasterPid(), 'SIGKILL');
    await untilItWorks(() => journal.add(nextId(), 'third'));
    await untilItWorks(async () => expect(got.seen.at(-1)?.payload).toBe('third'));
  });

  test('is another run also when only a backend crashed and the server recovered', async () => {
    const other = await untilItWorks(() => open());
    const before = await untilItWorks(() => journal.ownership());
    expect((await other.ownership()).runId).toBe(before.runId);
    const [row] = await admin(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'hongbao-journal' LIMIT 1",
    );
    process.kill(Number(row?.['pid']), 'SIGKILL');
    const after = await untilItWorks(async () => {
      const read = await journal.ownership();
      expect(read.runId).not.toBe(before.runId);
      return read;
    });
    expect((await untilItWorks(() => other.ownership())).runId).toBe(after.runId);
    await other.close();
  });

  test('fails adds in bounded time while it hangs; repeated, they are kept once', async () => {
    await journal.ownership();
    const rows = await admin(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'hongbao-journal'",
    );
    const pids = [await postmasterPid(), ...rows.map((row) => Number(row['pid']))];
    const id = nextId();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    const outcomes = await Promise.allSettled([
      journal.add(id, 'x'),
      journal.ownership(),
      journal.read([id]),
      journal.take([1], 1),
    ]);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
    expect(performance.now() - began).toBeLessThan(failsWithinMs);
    const depth = await untilItWorks(() => journal.depth());
    await untilItWorks(() => journal.add(id, 'x'));
    await journal.add(id, 'y');
    expect(await journal.read([id])).toEqual(['x']);
    expect(await journal.depth()).toBeLessThanOrEqual(depth + 1);
  });
});

test('a wiped store is unbound, and never mistaken for the one before', async () => {
  await journal.bind('id');
  await journal.take([1], 1_000);
  expect((await journal.ownership()).owners[1]).toBe(1_000);
  await admin('TRUNCATE bullmq.journal_meta, bullmq.journal_owner');
  expect((await journal.ownership()).journalId).toBeUndefined();
  await journal.bind('id');
  await journal.take([2], 3);
  const { owners } = await journal.ownership();
  expect([owners[1], owners[2]]).toEqual([0, 3]);
});
