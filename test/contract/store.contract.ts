/** What every `Store` does: owners, seals, settling, loading. Guards invariants 2, 4 and 6. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { shardOf } from '../../engine/core/hash.ts';
import { tagName } from '../../engine/core/state.ts';
import type { BatchEvent } from '../../engine/core/types.ts';
import type { Applied, Store } from '../../engine/ports/store.ts';
import { packetsOf } from '../fixtures/plain-state.ts';
import {
  batchOf,
  claimed,
  createdAt,
  opened,
  type MakeStore,
  type StoreUnderTest,
} from './store-support.ts';

export function storeContract(name: string, make: MakeStore): void {
  describe(`store contract: ${name}`, () => {
    let under: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      under = await make();
      store = under.store;
    });
    afterEach(() => under.close());

    /** Applies in a transaction of its own and moves `settled` by one. */
    const settle = (number: number, events: readonly BatchEvent[]): Promise<Applied> =>
      store.withOwner(number, async (owner) => {
        const applied = await owner.apply(events, createdAt);
        await owner.advance(owner.settled + 1, 0);
        return applied;
      });
    const nothing: Applied = {
      inserted: 0,
      duplicates: 0,
      quarantined: [],
      conflicts: [],
      isHeard: false,
    };
    const active = async (batchId: string) => {
      const loaded = await store.load(batchId);
      if (loaded.kind !== 'active') throw new Error(`batch ${batchId} is ${loaded.kind}`);
      return loaded.state;
    };

    describe('owners', () => {
      test('the journal id stays, and is bound once told', async () => {
        const first = await store.journalId();
        expect(first.bound).toBe(false);
        expect(first.id).toMatch(/^[0-9a-f-]{36}$/);
        await store.markBound();
        expect(await store.journalId()).toEqual({ id: first.id, bound: true });
      });

      test('numbers grow and are never given twice', async () => {
        const numbers = await Promise.all(Array.from({ length: 8 }, () => store.newOwner([1])));
        expect(new Set(numbers).size).toBe(8);
        expect(await store.newOwner([1])).toBeGreaterThan(Math.max(...numbers));
      });

      test('progress tells what is settled; unknown numbers are left out', async () => {
        const number = await store.newOwner([1]);
        await store.withOwner(number, (owner) => owner.advance(7, 2));
        expect(await store.progress([number, number + 100])).toEqual([
          { number, settled: 7, quarantined: 0 },
        ]);
        expect(await store.progress([])).toEqual([]);
      });

      test('settled never moves down', async () => {
        const number = await store.newOwner([1]);
        await store.withOwner(number, (owner) => owner.advance(7, 0));
        await expect(store.withOwner(number, (owner) => owner.advance(6, 0))).rejects.toThrow(
          /only upwards/,
        );
      });

      test('an unknown owner is a programmer error', async () => {
        await expect(store.withOwner(999, async () => undefined)).rejects.toThrow(/no owner/);
      });

      test('what rejects takes no effect', async () => {
        await under.addBatch(batchOf('1'));
        const number = await store.newOwner([1]);
        const failing = store.withOwner(number, async (owner) => {
          await owner.apply([claimed('1', 1, 1, 'ann', 4)], createdAt);
          await owner.advance(5, 0);
          throw new Error('on purpose');
        });
        await expect(failing).rejects.toThrow('on purpose');
        expect((await store.progress([number]))[0]?.settled).toBe(0);
        expect((await active('1')).version).toBe(0);
        expect(await under.balance('user:ann')).toBe(0);
      });

      test('one owner is settled by one transaction at a time', async () => {
        const number = await store.newOwner([1]);
        const seen: number[] = [];
        await Promise.all(
          Array.from({ length: 6 }, () =>
            store.withOwner(number, async (owner) => {
              seen.push(owner.settled);
              await owner.sealedAbove([1]);
              await owner.advance(owner.settled + 1, 0);
            }),
          ),
        );
        expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
      });

      test('an owner cannot be used after its transaction', async () => {
        const number = await store.newOwner([1]);
        const escaped = await store.withOwner(number, async (owner) => ({ owner }));
        await expect(escaped.owner.advance(1, 0)).rejects.toThrow(/inside its transaction/);
      });
    });

    describe('taking over', () => {
      test('earlier owners of the shards, from the sealing one on', async () => {
        const [a, b, c] = [
          await store.newOwner([1, 2]),
          await store.newOwner([2, 3]),
          await store.newOwner([1]),
        ];
        const taker = await store.newOwner([1, 2]);
        expect(await store.earlierOwners([1, 2], taker)).toEqual([a, b, c]);
        expect(await store.earlierOwners([3], taker)).toEqual([b]);
        expect(await store.seal([1, 2], c, [a, b])).toBe(true);
        expect(await store.earlierOwners([1, 2], taker)).toEqual([c]);
        expect(await store.earlierOwners([200], taker)).toEqual([]);
      });

      test('a seal moves only upwards, for all shards or none', async () => {
        const [a, b, c] = [
          await store.newOwner([1, 2]),
          await store.newOwner([1]),
          await store.newOwner([1, 2]),
        ];
        expect(await store.seal([1], b, [a])).toBe(true);
        expect(await store.seal([1], b, [a])).toBe(true);
        expect(await store.seal([1, 2], a, [])).toBe(false);
        const above = await store.withOwner(a, (owner) => owner.sealedAbove([1, 2, 3]));
        expect([...above]).toEqual([1]);
        expect(await store.seal([1, 2], c, [a, b])).toBe(true);
        const later = await store.withOwner(b, (owner) => owner.sealedAbove([1, 2]));
        expect([...later].sort((one, other) => one - other)).toEqual([1, 2]);
        expect([...(await store.withOwner(c, (owner) => owner.sealedAbove([1, 2])))]).toEqual([]);
      });

      test('a seal waits for the earlier owner’s transaction, and the next one sees it', async () => {
        const early = await store.newOwner([1]);
        const late = await store.newOwner([1]);
        const order: string[] = [];
        const inside = Promise.withResolvers<void>();
        const proceed = Promise.withResolvers<void>();
        const settling = store.withOwner(early, async (owner) => {
          inside.resolve();
          await proceed.promise;
          expect((await owner.sealedAbove([1])).size).toBe(0);
          order.push('settled');
        });
        await inside.promise;
        const sealing = store
          .seal([1], late, [early])
          .then((sealed) => order.push(`sealed ${sealed}`));
        // Gives the seal every chance to overtake.
        for (let i = 0; i < 5; i += 1) await store.progress([early]);
        proceed.resolve();
        await Promise.all([settling, sealing]);
        expect(order).toEqual(['settled', 'sealed true']);
        expect((await store.withOwner(early, (owner) => owner.sealedAbove([1]))).size).toBe(1);
      });

      test('two takers seal the same shards: the larger number stands', async () => {
        const first = await store.newOwner([1, 2, 3]);
        const [one, two] = [await store.newOwner([1, 2, 3]), await store.newOwner([1, 2, 3])];
        const results = await Promise.all([
          store.seal([3, 2, 1], one, [first]),
          store.seal([1, 2, 3], two, [first, one]),
        ]);
        expect(results[1]).toBe(true);
        expect((await store.withOwner(one, (owner) => owner.sealedAbove([1, 2, 3]))).size).toBe(3);
      });
    });

    describe('settling', () => {
      test('claims, opens and an expiry move every unit once', async () => {
        await under.addBatch(batchOf('1'));
        const number = await store.newOwner([1]);
        const expired: BatchEvent = {
          kind: 'expired',
          batchId: '1',
          version: 5,
          at: createdAt + 60_000,
          refunded: 3,
        };
        const events = [
          claimed('1', 1, 1, 'ann', 4),
          claimed('1', 2, 2, 'bob'),
          opened('1', 3, 2, 'bob', 3),
          claimed('1', 4, 3, 'cem'),
          expired,
        ];
        expect(await settle(number, events)).toEqual({ ...nothing, inserted: 5 });
        expect(await under.balance('user:ann')).toBe(4);
        expect(await under.balance('user:bob')).toBe(3);
        expect(await under.balance('user:cem')).toBe(0);
        expect(await under.balance('user:sender')).toBe(3);
        expect(await under.balance('escrow:1')).toBe(0);
        const state = await active('1');
        expect(state).toMatchObject({
          version: 5,
          expired: true,
          refundedAmount: 3,
          lastEventAt: createdAt + 60_000,
        });
        expect(packetsOf(state)).toEqual([
          {
            packet: 1,
            receiverId: 'ann',
            claimedAt: createdAt + 1,
            amount: 4,
            openedAt: createdAt + 1,
          },
          {
            packet: 2,
            receiverId: 'bob',
            claimedAt: createdAt + 2,
            amount: 3,
            openedAt: createdAt + 3,
          },
          {
            packet: 3,
            receiverId: 'cem',
            claimedAt: createdAt + 4,
            amount: undefined,
            openedAt: undefined,
          },
        ]);
      });

      test('packets of an earlier transaction are opened', async () => {
        await under.addBatch(batchOf('1'));
        const number = await store.newOwner([1]);
        await settle(number, [claimed('1', 1, 1, 'ann'), claimed('1', 2, 2, 'bob')]);
        expect(
          await settle(number, [opened('1', 3, 2, 'bob', 4), opened('1', 4, 1, 'ann', 5)]),
        ).toEqual({ ...nothing, inserted: 2 });
        expect(packetsOf(await active('1')).map(({ amount }) => amount)).toEqual([5, 4]);
      });

      test('the audience and the idempotency tag come back with the load', async () => {
        await under.addBatch(batchOf('1', { oncePerReceiver: false }));
        const number = await store.newOwner([1]);
        const listing: BatchEvent = {
          kind: 'audience',
          batchId: '1',
          version: 1,
          at: createdAt,
          channel: 'group',
          anyone: true,
          receivers: ['zoe', 'ann'],
        };
        const tagged = {
          ...claimed('1', 2, 1, 'ann', 2),
          tag: { key: 'k"1\\', digest: 'd' },
          position: `${number}-1`,
        };
        await settle(number, [
          listing,
          tagged,
          {
            ...claimed('1', 3, 2, 'ann', 2),
            tag: { key: 'k2', digest: 'd' },
            position: `${number}-1`,
          },
        ]);
        const state = await active('1');
        expect(state).toMatchObject({ anyone: true, version: 3 });
        expect([...state.listed].sort()).toEqual(['ann', 'zoe']);
        expect(state.tags.size).toBe(2);
        expect(state.tags.get(tagName('ann', tagged.tag.key))).toEqual({
          digest: 'd',
          packet: 1,
          position: tagged.position,
          opened: true,
        });
        expect(state.packets.allOf('ann')).toEqual([1, 2]);
        const again = await settle(number, [listing, tagged]);
        expect(again).toEqual({ ...nothing, duplicates: 2 });
      });

      test('nothing to apply is nothing', async () => {
        const number = await store.newOwner([1]);
        expect(await settle(number, [])).toEqual(nothing);
      });

      test('what came before counts as duplicate, in any order, in one call or several', async () => {
        await under.addBatch(batchOf('1'));
        const number = await store.newOwner([1]);
        const [one, two] = [claimed('1', 1, 1, 'ann', 4), claimed('1', 2, 2, 'bob', 3)];
        expect(await settle(number, [one, one, two])).toEqual({
          ...nothing,
          inserted: 2,
          duplicates: 1,
        });
        expect(await settle(number, [two, one, two])).toEqual({ ...nothing, duplicates: 3 });
        expect(await under.balance('user:ann')).toBe(4);
        expect(await under.balance('escrow:1')).toBe(3);
      });

      test('the same key with other content is told and not applied', async () => {
        await under.addBatch(batchOf('1'));
        const number = await store.newOwner([1]);
        await settle(number, [claimed('1', 1, 1, 'ann', 4)]);
        const applied = await settle(number, [
          claimed('1', 1, 1, 'eve', 4),
          claimed('1', 2, 2, 'bob', 1),
          claimed('1', 2, 2, 'bob', 2),
        ]);
        expect(applied).toEqual({
          ...nothing,
          inserted: 1,
          conflicts: [
            { batchId: '1', version: 1 },
            { batchId: '1', version: 2 },
          ],
        });
        expect(await under.balance('user:eve')).toBe(0);
        expect(await under.balance('user:bob')).toBe(1);
        expect((await store.load('1')).kind).toBe('active');
      });

      const poison: Record<
        string,
        { before?: BatchEvent[]; events: BatchEvent[]; at: number; reason: string }
      > = {
        'a version gap': {
          events: [claimed('1', 2, 1, 'ann', 4), claimed('1', 1, 1, 'ann', 4)],
          at: 2,
          reason: 'version_gap',
        },
        'a packet out of order': {
          events: [claimed('1', 1, 2, 'ann', 4)],
          at: 1,
          reason: 'packet_out_of_order',
        },
        'more than what is left': {
          events: [claimed('1', 1, 1, 'ann', 9)],
          at: 1,
          reason: 'amount_above_rest',
        },
        nothing: { events: [claimed('1', 1, 1, 'ann', 0)], at: 1, reason: 'amount_below_one' },
        'an open of another’s packet': {
          before: [claimed('1', 1, 1, 'ann')],
          events: [opened('1', 2, 1, 'eve', 4)],
          at: 2,
          reason: 'packet_not_open',
        },
        'an open of another’s packet at once': {
          events: [claimed('1', 1, 1, 'ann'), opened('1', 2, 1, 'eve', 4)],
          at: 2,
          reason: 'packet_not_open',
        },
        'a second open': {
          before: [claimed('1', 1, 1, 'ann', 2), claimed('1', 2, 2, 'bob')],
          events: [opened('1', 3, 1, 'ann', 4)],
          at: 3,
          reason: 'packet_not_open',
        },
        'two opens of one packet': {
          before: [claimed('1', 1, 1, 'ann'), claimed('1', 2, 2, 'bob')],
          events: [opened('1', 3, 1, 'ann', 2), opened('1', 4, 1, 'ann', 2)],
          at: 4,
          reason: 'packet_not_open',
        },
        'a second packet for one receiver': {
          before: [claimed('1', 1, 1, 'ann', 2)],
          events: [claimed('1', 2, 2, 'ann', 2)],
          at: 2,
          reason: 'sql_23505',
        },
        'a refund that is not the rest': {
          events: [{ kind: 'expired', batchId: '1', version: 1, at: createdAt, refunded: 9 }],
          at: 1,
          reason: 'refund_not_rest',
        },
        'an open after the expiry': {
          before: [
            claimed('1', 1, 1, 'ann'),
            { kind: 'expired', batchId: '1', version: 2, at: createdAt, refunded: 10 },
          ],
          events: [opened('1', 3, 1, 'ann', 2)],
          at: 3,
          reason: 'after_expiry',
        },
      };
      for (const [what, { before = [], events, at, reason }] of Object.entries(poison)) {
        test(`${what} goes into quarantine with all that follows, and nothing else does`, async () => {
          for (const id of ['1', '2', '3']) await under.addBatch(batchOf(id));
          const number = await store.newOwner([1]);
          await settle(number, before);
          const later = claimed('1', 90, 3, 'zoe', 1);
          const applied = await settle(number, [
            claimed('2', 1, 1, 'ann', 5),
            ...events,
            claimed('3', 1, 1, 'bob', 5),
            later,
            claimed('2', 2, 2, 'bob', 4),
          ]);
          expect(applied.conflicts).toEqual([]);
          const [first, ...rest] = applied.quarantined;
          expect(first).toEqual({ batchId: '1', version: at, reason });
          expect(rest.at(-1)).toMatchObject({ batchId: '1', version: 90 });
          expect(applied.quarantined.every(({ batchId }) => batchId === '1')).toBe(true);
          expect(applied.inserted + applied.quarantined.length).toBe(events.length + 4);
          expect(await store.load('1')).toEqual({ kind: 'quarantined' });
          expect((await active('2')).version).toBe(2);
          expect((await active('3')).version).toBe(1);
          expect(await under.balance('user:bob')).toBe(9);
          expect(await store.progress([number])).toMatchObject([{ quarantined: 1 }]);
          expect(await store.quarantinedBatches(number)).toEqual(['1']);
        });
      }

      test('a batch in quarantine takes nothing more, but still knows what it took', async () => {
        await under.addBatch(batchOf('1'));
        const [one, two] = [await store.newOwner([1]), await store.newOwner([1])];
        const good = claimed('1', 1, 1, 'ann', 4);
        await settle(one, [good, claimed('1', 3, 2, 'bob', 2)]);
        const applied = await settle(two, [good, claimed('1', 2, 2, 'bob', 2)]);
        expect(applied).toEqual({
          ...nothing,
          duplicates: 1,
          quarantined: [{ batchId: '1', version: 2, reason: 'batch_in_quarantine' }],
        });
        expect(await under.balance('user:bob')).toBe(0);
        await settle(one, [claimed('1', 4, 2, 'bob', 2)]);
        expect(await store.progress([one, two])).toMatchObject([
          { quarantined: 1 },
          { quarantined: 1 },
        ]);
      });

      test('events of unknown and of unconfirmed batches go into quarantine', async () => {
        await under.addBatch(batchOf('2'), false);
        const number = await store.newOwner([1]);
        const strange = ['77', '9999999999999999999', 'x'];
        const applied = await settle(
          number,
          [...strange, '2'].map((id) => claimed(id, 1, 1, 'ann', 1)),
        );
        expect(applied.inserted).toBe(0);
        expect(applied.quarantined.map(({ reason }) => reason)).toEqual([
          'unknown_batch',
          'unknown_batch',
          'unknown_batch',
          'batch_not_confirmed',
        ]);
        expect(await store.load('2')).toEqual({ kind: 'not_active' });
        expect(await store.progress([number])).toMatchObject([{ quarantined: 4 }]);
      });

      test('many culprits among many batches are all found', async () => {
        const ids = Array.from({ length: 40 }, (_, i) => String(i + 1));
        for (const id of ids) await under.addBatch(batchOf(id));
        const number = await store.newOwner([1]);
        // Every seventh batch gives one receiver two packets: only a unique index sees it.
        const events = ids.flatMap((id, i) => [
          claimed(id, 1, 1, 'ann', 1),
          claimed(id, 2, 2, i % 7 === 0 ? 'ann' : 'bob', 1),
        ]);
        const applied = await settle(number, events);
        expect(applied.quarantined.map(({ batchId }) => batchId)).toEqual(
          ids.filter((_, i) => i % 7 === 0),
        );
        expect(await under.balance('user:ann')).toBe(40);
        expect(await under.balance('user:bob')).toBe(40 - applied.quarantined.length);
      });
    });

    describe('two settlers at once', () => {
      test('the same jobs of one owner take effect once', async () => {
        await under.addBatch(batchOf('1'));
        const number = await store.newOwner([1]);
        const events = [claimed('1', 1, 1, 'ann', 4), claimed('1', 2, 2, 'bob', 3)];
        const results = await Promise.all([
          settle(number, events),
          settle(number, events),
          settle(number, events),
        ]);
        expect(results.map(({ inserted }) => inserted).sort((one, other) => one - other)).toEqual([
          0, 0, 2,
        ]);
        expect(await under.balance('user:ann')).toBe(4);
      });

      test('accounts shared by many batches end with the right balance, without a deadlock', async () => {
        const ids = Array.from({ length: 24 }, (_, i) => String(i + 1));
        for (const id of ids)
          await under.addBatch(
            batchOf(id, { count: 4, total: 40, asset: Number(id) % 3 === 0 ? 'points' : 'CNY' }),
          );
        const owners = [
          await store.newOwner([1]),
          await store.newOwner([2]),
          await store.newOwner([3]),
        ];
        const users = ['ann', 'bob', 'cem', 'dan'];
        // Each settler meets the users in another order.
        const work = (settler: number, round: number) =>
          ids
            .filter((_, i) => i % 3 === settler)
            .map((id, i) =>
              claimed(id, round, round, users[(i + round + settler) % 4] as string, 10),
            );
        await Promise.all(
          owners.map(async (number, settler) => {
            for (let round = 1; round <= 4; round += 1) await settle(number, work(settler, round));
          }),
        );
        let sum = 0;
        for (const user of users)
          sum +=
            (await under.balance(`user:${user}`)) + (await under.balance(`user:${user}`, 'points'));
        expect(sum).toBe(24 * 40);
      });
    });

    describe('reading', () => {
      test('a batch is unknown, not active, or active', async () => {
        await under.addBatch(batchOf('1', { mode: 'fixed', each: 5, count: 2, total: 10 }));
        await under.addBatch(batchOf('2'), false);
        expect(await store.load('3')).toEqual({ kind: 'unknown' });
        expect(await store.load('not-a-number')).toEqual({ kind: 'unknown' });
        expect(await store.load('2')).toEqual({ kind: 'not_active' });
        const state = await active('1');
        expect(state.params).toEqual(batchOf('1', { mode: 'fixed', each: 5, count: 2, total: 10 }));
        expect(state).toMatchObject({
          version: 0,
          lastEventAt: createdAt,
          anyone: false,
          expired: false,
        });
        expect(packetsOf(state)).toEqual([]);
        expect(state.listed.size).toBe(0);
      });

      test('overdue: active, unended, past their end, oldest first', async () => {
        const ids = Array.from({ length: 6 }, (_, i) => String(i + 1));
        for (const id of ids)
          await under.addBatch(
            batchOf(id, { count: 2, expiresAt: createdAt + 1_000 - Number(id) }),
          );
        await under.addBatch(batchOf('7', { expiresAt: createdAt + 2_000 }));
        await under.addBatch(batchOf('8'), false);
        const number = await store.newOwner([1]);
        await settle(number, [
          claimed('2', 1, 1, 'ann', 4),
          claimed('2', 2, 2, 'bob', 6),
          { kind: 'expired', batchId: '3', version: 1, at: createdAt + 1_000, refunded: 10 },
          claimed('4', 5, 1, 'ann', 1),
        ]);
        const all = Array.from({ length: 256 }, (_, i) => i);
        const overdue = async (...args: Parameters<Store['overdue']>) =>
          (await store.overdue(...args)).map(({ batchId }) => batchId);
        expect(await overdue(all, createdAt + 999, 10)).toEqual(['6', '5', '1']);
        expect(await overdue(all, createdAt + 999, 2)).toEqual(['6', '5']);
        const [, five] = await store.overdue(all, createdAt + 999, 2);
        expect(await overdue(all, createdAt + 999, 2, five)).toEqual(['1']);
        expect(await overdue(all, createdAt + 994, 10)).toEqual(['6']);
        expect(await overdue([shardOf('5')], createdAt + 999, 10)).toEqual(['5']);
        expect(await store.overdue([], createdAt + 999, 10)).toEqual([]);
      });
    });
  });
}
