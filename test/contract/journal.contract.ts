import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { payloadCharsMax, shardCount } from '../../engine/limits.ts';
import { type Journal, JournalRefusal } from '../../engine/ports/journal.ts';
import { addAll, arrivals, idsOf, payloadOf } from './journal-support.ts';

/** An empty, unbound store with its journal. */
export interface JournalUnderTest {
  readonly journal: Journal;
  /** A further client of the same store. */
  another(): Promise<Journal>;
  /** Closes everything and removes the store. */
  remove(): Promise<void>;
}

/** The promises of the Journal port, tested alike on every implementation. */
export function journalContract(name: string, create: () => Promise<JournalUnderTest>): void {
  describe(`journal on ${name}`, () => {
    let store: JournalUnderTest;
    let journal: Journal;
    beforeEach(async () => {
      store = await create();
      ({ journal } = store);
    });
    afterEach(() => store.remove());

    describe('jobs', () => {
      test('are read as they were added, in the order asked, undefined where absent', async () => {
        await addAll(journal, idsOf(7, 3));
        const read = await journal.read(['7-3', '7-4', '7-1', '8-1', '7-3']);
        const [first, , third] = idsOf(7, 3).map(payloadOf);
        expect(read).toEqual([third, undefined, first, undefined, third]);
        expect(await journal.read([])).toEqual([]);
        expect(await journal.depth()).toBe(3);
      });

      test('keep every character', async () => {
        const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join(
          '',
        );
        await journal.add('1-1', printable);
        await journal.add('1-2', 'x'.repeat(1_000_000));
        await journal.add('1-3', '');
        const [one, two, three] = await journal.read(['1-1', '1-2', '1-3']);
        expect(one).toBe(printable);
        expect(two === 'x'.repeat(1_000_000)).toBe(true);
        expect(three).toBe('');
      });

      test('keep the first payload of an id added again', async () => {
        await journal.add('1-1', 'first');
        await journal.add('1-1', 'second');
        await (await store.another()).add('1-1', 'third');
        expect(await journal.read(['1-1'])).toEqual(['first']);
        expect(await journal.depth()).toBe(1);
      });

      test('are one when added at the same time by two', async () => {
        const other = await store.another();
        const adds = Array.from({ length: 20 }, (_, i) =>
          (i % 2 === 0 ? journal : other).add('1-1', `payload ${i}`),
        );
        await Promise.all(adds);
        expect(await journal.depth()).toBe(1);
        expect((await journal.read(['1-1']))[0]).toMatch(/^payload \d+$/);
      });

      test('are seen by another client as soon as they were accepted', async () => {
        const other = await store.another();
        for (const id of idsOf(1, 20)) {
          await journal.add(id, payloadOf(id));
          expect(await other.read([id])).toEqual([payloadOf(id)]);
        }
      });

      test('are refused when no store would keep them', async () => {
        for (const id of ['', '1', '0-1', '1-01', 'a-1', '1:1', '1-1 ']) {
          await expect(journal.add(id, 'x')).rejects.toThrow(JournalRefusal);
        }
        const tooLong = journal.add('1-1', 'x'.repeat(payloadCharsMax + 1));
        await expect(tooLong).rejects.toThrow(JournalRefusal);
        expect(await journal.depth()).toBe(0);
      });
    });

    describe('ownership', () => {
      test('is nobody’s in an empty store', async () => {
        const { journalId, runId, owners } = await journal.ownership();
        expect(journalId).toBeUndefined();
        expect(runId).not.toBe('');
        expect(owners).toEqual(Array.from({ length: shardCount }, () => 0));
      });

      test('is bound once', async () => {
        expect(await journal.bind('one')).toBe('one');
        expect(await journal.bind('one')).toBe('one');
        const other = await store.another();
        expect(await other.bind('two')).toBe('one');
        expect((await other.ownership()).journalId).toBe('one');
      });

      test('only rises', async () => {
        await journal.take([0, 1, 255], 5);
        await journal.take([1], 3);
        await journal.take([255], 9);
        await journal.take([], 10);
        const { owners } = await journal.ownership();
        expect([owners[0], owners[1], owners[2], owners[255]]).toEqual([5, 5, 0, 9]);
        expect(owners).toHaveLength(shardCount);
      });

      test('is read anew every time', async () => {
        const other = await store.another();
        await journal.bind('one');
        for (let number = 1; number <= 20; number += 1) {
          await other.take([number % 4], number);
          expect((await journal.ownership()).owners[number % 4]).toBe(number);
          expect((await journal.ownership()).owners[number % 4]).toBe(number);
        }
      });

      test('reads begun at the same time each get a whole table', async () => {
        const other = await store.another();
        const all = Array.from({ length: shardCount }, (_, shard) => shard);
        await other.take(all, 1);
        const reads: Promise<unknown>[] = [];
        for (let number = 2; number < 20; number += 1) {
          const taken = other.take(all, number);
          for (let i = 0; i < 4; i += 1) {
            const read = journal.ownership().then(({ owners }) => {
              expect(new Set(owners).size).toBe(1);
            });
            reads.push(read);
          }
          await taken;
        }
        await Promise.all(reads);
      });

      test('ends at the highest of takes that cross', async () => {
        const other = await store.another();
        const up = Array.from({ length: shardCount }, (_, shard) => shard);
        const down = up.toReversed();
        await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            i % 2 === 0 ? journal.take(up, i + 1) : other.take(down, i + 1),
          ),
        );
        expect(new Set((await journal.ownership()).owners)).toEqual(new Set([10]));
      });

      test('names the same run while the store runs on', async () => {
        const first = await journal.ownership();
        await journal.take([3], 4);
        await journal.add('4-1', 'x');
        expect((await journal.ownership()).runId).toBe(first.runId);
        expect((await (await store.another()).ownership()).runId).toBe(first.runId);
      });

      test('is not taken by mistake', async () => {
        for (const [shards, number] of [
          [[256], 1],
          [[-1], 1],
          [[0.5], 1],
          [[0], 0],
          [[0], 1e15],
        ] as const) {
          await expect(journal.take(shards, number)).rejects.toThrow(RangeError);
        }
      });
    });

    describe('consuming', () => {
      test('hands over every job, added before or later, and removes it', async () => {
        const ids = idsOf(2, 20);
        await addAll(journal, ids.slice(0, 10));
        const got = arrivals();
        const consumer = await journal.consume(got.handler, { concurrency: 4 });
        await addAll(journal, ids.slice(10));
        await got.arrived(20);
        await consumer.close();
        const byId = new Map(got.seen.map(({ id, payload }) => [id, payload]));
        expect(byId).toEqual(new Map(ids.map((id) => [id, payloadOf(id)])));
        expect(await journal.depth()).toBe(0);
        expect(await journal.read(ids.slice(0, 2))).toEqual([undefined, undefined]);
      });

      test('keeps a job until its handler resolves, and brings it again when it rejects', async () => {
        await journal.add('2-1', 'x');
        let failures = 3;
        const got = arrivals(async () => {
          expect(await journal.read(['2-1'])).toEqual(['x']);
          failures -= 1;
          if (failures >= 0) throw new Error('not yet');
        });
        const consumer = await journal.consume(got.handler, { concurrency: 2 });
        await got.arrived(4);
        await consumer.close();
        expect(got.seen).toHaveLength(4);
        expect(await journal.depth()).toBe(0);
      });

      test('runs as many handlers at once as allowed', async () => {
        await addAll(journal, idsOf(2, 12));
        let running = 0;
        let most = 0;
        const threeRun = Promise.withResolvers<void>();
        const got = arrivals(async () => {
          running += 1;
          most = Math.max(most, running);
          if (running === 3) threeRun.resolve();
          await threeRun.promise;
          running -= 1;
        });
        const consumer = await journal.consume(got.handler, { concurrency: 3 });
        await got.arrived(12);
        await consumer.close();
        expect(most).toBe(3);
      });

      test('closing waits for the handlers under way and takes no more jobs', async () => {
        await journal.add('2-1', 'x');
        const gate = Promise.withResolvers<void>();
        const got = arrivals(() => gate.promise);
        const consumer = await journal.consume(got.handler, { concurrency: 1 });
        await got.arrived(1);
        let closed = false;
        const closing = consumer.close().then(() => {
          closed = true;
        });
        await journal.add('2-2', 'y');
        expect(closed).toBe(false);
        gate.resolve();
        await closing;
        expect(got.seen.map(({ id }) => id)).toEqual(['2-1']);
        expect(await journal.read(['2-1', '2-2'])).toEqual([undefined, 'y']);
      });

      test('takes an id that has left as a new job', async () => {
        const got = arrivals();
        await journal.add('2-1', 'x');
        const consumer = await journal.consume(got.handler, { concurrency: 1 });
        await got.arrived(1);
        await consumer.close();
        await journal.add('2-1', 'x');
        expect(await journal.read(['2-1'])).toEqual(['x']);
      });
    });

    test('pressure is a share of the store’s own limit', async () => {
      const { ratio } = await journal.pressure();
      expect(ratio).toBeGreaterThanOrEqual(0);
      expect(ratio).toBeLessThan(1);
    });

    test('does nothing more once closed', async () => {
      const other = await store.another();
      await other.close();
      await expect(other.add('1-1', 'x')).rejects.toThrow();
      await expect(other.ownership()).rejects.toThrow();
      expect(await journal.depth()).toBe(0);
    });
  });
}
