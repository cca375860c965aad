/** The size of settle transactions: bounded in bytes, halved after a timeout, whatever waits. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { encodeEvent, encodePayload } from '../../engine/core/codec.ts';
import { shardOf } from '../../engine/core/hash.ts';
import { flushBytesMax, settleBytesMax } from '../../engine/limits.ts';
import { sleep } from '../../engine/ports/clock.ts';
import { jobId, parseJobId } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import type { Store } from '../../engine/ports/store.ts';
import { JournalGap, settleOwner } from '../../engine/settle/settle.ts';
import { openPool, transaction } from '../../engine/store/pool.ts';
import { isTimeout } from '../../engine/store/sql-errors.ts';
import { freshDatabase } from '../setup/database.ts';
import { FakeStore } from '../../engine/store/fake.ts';
import { batchOf, createdAt, fakeUnderTest, postgresUnderTest } from './store-support.ts';

const batchId = '7';
const shard = shardOf(batchId);

/** Jobs 1 … count, each with one audience event of so many receivers; remembers how much each read gave. */
function backlog(number: number, count: number, receivers: number) {
  const texts = new Map<string, string>();
  for (let seq = 1; seq <= count; seq += 1) {
    const event = encodeEvent({
      kind: 'audience',
      batchId,
      version: seq,
      at: createdAt + seq,
      channel: 'group',
      anyone: false,
      receivers: Array.from({ length: receivers }, (_, i) => `receiver-${seq * receivers + i}`),
    });
    texts.set(jobId(number, seq), encodePayload(number, seq, [shard], [event]));
  }
  const fetched: number[] = [];
  const read = async (ids: readonly string[]) => {
    const found = ids.map((id) => texts.get(id));
    fetched.push(found.reduce((sum, text) => sum + (text?.length ?? 0), 0));
    return found;
  };
  return { texts, fetched, journal: { read } };
}

/** The store, with a look at where each transaction led to. */
function watched(store: Store, steps: number[], before?: (jobs: number) => void): Store {
  return {
    ...bound(store),
    withOwner: (number, work) =>
      store.withOwner(number, async (owner) => {
        const from = owner.settled;
        const result = await work({
          get settled() {
            return owner.settled;
          },
          sealedAbove: (shards) => owner.sealedAbove(shards),
          apply: async (events, now) => {
            before?.(events.length);
            return owner.apply(events, now);
          },
          advance: (to, dropped) => owner.advance(to, dropped),
        });
        if (owner.settled > from) steps.push(owner.settled - from);
        return result;
      }),
  };
}

function bound(store: Store): Store {
  return {
    journalId: () => store.journalId(),
    markBound: () => store.markBound(),
    newOwner: (shards) => store.newOwner(shards),
    earlierOwners: (shards, number) => store.earlierOwners(shards, number),
    seal: (shards, number, earlier) => store.seal(shards, number, earlier),
    withOwner: (number, work) => store.withOwner(number, work),
    progress: (numbers) => store.progress(numbers),
    quarantinedBatches: (number) => store.quarantinedBatches(number),
    load: (id) => store.load(id),
    overdue: (...args) => store.overdue(...args),
    close: () => store.close(),
  };
}

const rest = { clock: systemClock, observer: silentObserver };

describe('a settle transaction', () => {
  it(
    'holds bounded bytes of a backlog of large audiences (postgres)',
    { timeout: 120_000 },
    async () => {
      const under = await postgresUnderTest();
      try {
        await under.addBatch(batchOf(batchId));
        const number = await under.store.newOwner([shard]);
        const { texts, fetched, journal } = backlog(number, 60, 10_000);
        const steps: number[] = [];
        const store = watched(under.store, steps);
        expect(await settleOwner({ ...rest, store, journal }, number)).toBe(60);

        const largest = Math.max(...[...texts.values()].map((text) => text.length));
        expect(steps.length).toBeGreaterThan(1);
        expect(Math.max(...steps) * largest).toBeLessThanOrEqual(settleBytesMax + largest);
        expect(Math.max(...fetched)).toBeLessThanOrEqual(settleBytesMax);
        // Little is fetched twice.
        const all = [...texts.values()].reduce((sum, text) => sum + text.length, 0);
        expect(fetched.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(1.5 * all);
        expect(await under.store.progress([number])).toMatchObject([{ number, settled: 60 }]);
      } finally {
        await under.close();
      }
    },
  );

  it('gets half the jobs after a timeout, down to one, and more again after success', async () => {
    for (const code of ['57014', '55P03', '25P03']) {
      const under = await fakeUnderTest();
      await under.addBatch(batchOf(batchId));
      const number = await under.store.newOwner([shard]);
      const { journal } = backlog(number, 64, 3);
      const steps: number[] = [];
      const tried: number[] = [];
      let slow = true;
      const store = watched(under.store, steps, (jobs) => {
        tried.push(jobs);
        if (slow && jobs > 4) throw Object.assign(new Error('too slow'), { code });
        if (steps.length === 2) slow = false;
      });
      expect(await settleOwner({ ...rest, store, journal }, number)).toBe(64);
      expect(tried.slice(0, 6)).toEqual([64, 32, 16, 8, 4, 8]);
      expect(steps.slice(0, 2)).toEqual([4, 4]);
      expect(Math.max(...steps)).toBeGreaterThan(8);
    }
  });

  it('leaves a timeout of a single job, and any other error, to its caller', async () => {
    const under = await fakeUnderTest();
    await under.addBatch(batchOf(batchId));
    const number = await under.store.newOwner([shard]);
    const { journal } = backlog(number, 8, 3);
    const tried: number[] = [];
    let code = '57014';
    const store = watched(under.store, [], (jobs) => {
      tried.push(jobs);
      throw Object.assign(new Error('too slow'), { code });
    });
    await expect(settleOwner({ ...rest, store, journal }, number)).rejects.toThrow('too slow');
    expect(tried).toEqual([8, 4, 2, 1]);
    code = '57P01';
    await expect(settleOwner({ ...rest, store, journal }, number)).rejects.toThrow('too slow');
    expect(tried).toHaveLength(5);
  });

  it('fetches no more than it may hold, and finds a gap beyond its first read all the same', async () => {
    const store = new FakeStore();
    const number = await store.newOwner([shard]);
    const sizes: number[] = [];
    const read = async (ids: readonly string[]) => {
      sizes.push(ids.length);
      return ids.map((id) => ((parseJobId(id)?.seq ?? 0) === 10 ? 'later' : undefined));
    };
    const settled = settleOwner({ ...rest, store, journal: { read } }, number);
    await expect(settled).rejects.toThrow(JournalGap);
    expect(sizes[0]).toBeLessThanOrEqual(settleBytesMax / flushBytesMax);
  });

  it('knows a pause that the server ended as a timeout (postgres)', async () => {
    const database = await freshDatabase();
    const settings = ['idle_in_transaction_session_timeout=50'];
    const pool = await openPool({ url: database.url, applicationName: 'test', settings });
    try {
      const paused = transaction(pool, async (client) => {
        await sleep(systemClock, 500);
        await client.query('SELECT 1');
      });
      expect(await paused.catch(isTimeout)).toBe(true);
      expect((await pool.query('SELECT 1')).rowCount).toBe(1);
    } finally {
      await pool.end();
      await database.drop();
    }
  });
});
