/** Random events, good and bad, through the fake and through PostgreSQL: the same outcome, call by call. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BatchEvent, BatchParams } from '../../engine/core/types.ts';
import type { Applied, Store } from '../../engine/ports/store.ts';
import { FakeStore } from '../../engine/store/fake.ts';
import { plain } from '../fixtures/plain-state.ts';
import { batchOf, createdAt, postgresUnderTest, type StoreUnderTest } from './store-support.ts';

const users = ['ann', 'bob', 'cem', 'dan'];

let under: StoreUnderTest;
let runs = 0;
beforeAll(async () => {
  under = await postgresUnderTest();
});
afterAll(() => under.close());

/** A likely next event of one of three batches, or with small chance a wrong one. */
const draft = fc.record({
  batch: fc.nat({ max: 2 }),
  kind: fc.constantFrom(
    'claimed',
    'claimed',
    'claimed+',
    'claimed+',
    'opened',
    'opened',
    'audience',
    'expired',
  ),
  user: fc.nat({ max: 3 }),
  amount: fc.integer({ min: 1, max: 4 }),
  packet: fc.integer({ min: 1, max: 3 }),
  tagged: fc.boolean(),
  /** Sometimes an event of before comes again as it was. */
  again: fc.constantFrom(false, false, false, false, true),
  /** Mostly 0: the next version, packet and holder as they should be. */
  wrongVersion: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, -1, 1),
  wrongPacket: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
  wrongUser: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
});
type Draft = typeof draft extends fc.Arbitrary<infer T> ? T : never;
const calls = fc.array(fc.array(draft, { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 5,
});

/** What the generator believes of a batch; it need not be right. */
interface Belief {
  readonly params: BatchParams;
  version: number;
  readonly holders: string[];
  opened: number;
  openedAmount: number;
}

function paramsOf(run: number): BatchParams[] {
  const [a, b, c] = [1, 2, 3].map((i) => String(run * 10 + i));
  return [
    batchOf(a!, { count: 3, total: 9 }),
    batchOf(b!, { count: 4, total: 8, mode: 'fixed', each: 2, asset: 'points' }),
    batchOf(c!, { count: 4, total: 12, oncePerReceiver: false, senderId: 'ann' }),
  ];
}

function eventOf(belief: Belief, draft: Draft, i: number): BatchEvent {
  const { params, holders } = belief;
  const version = Math.max(1, belief.version + 1 + draft.wrongVersion);
  belief.version = Math.max(belief.version, version);
  const base = { batchId: params.id, version, at: createdAt + i };
  const amount = share(belief, draft.amount);
  const user = users[draft.user]!;
  switch (draft.kind) {
    case 'audience':
      return { kind: 'audience', ...base, channel: 'im', anyone: draft.tagged, receivers: [user] };
    case 'expired':
      return { kind: 'expired', ...base, refunded: params.total - belief.openedAmount };
    case 'opened': {
      const packet = Math.min(draft.packet, Math.max(1, holders.length)) + draft.wrongPacket;
      const receiverId = draft.wrongUser === 1 ? user : (holders[packet - 1] ?? user);
      believeOpened(belief, amount);
      return { kind: 'opened', ...base, packet, receiverId, amount };
    }
    default: {
      holders.push(user);
      const opens = draft.kind === 'claimed+';
      if (opens) believeOpened(belief, amount);
      const tag = draft.tagged ? { key: `key-${draft.packet}`, digest: 'd' } : undefined;
      const position = tag === undefined ? undefined : '1-1';
      const packet = holders.length + draft.wrongPacket;
      return {
        kind: 'claimed',
        ...base,
        packet,
        receiverId: user,
        amount: opens ? amount : undefined,
        tag,
        position,
      };
    }
  }
}

function share({ params, opened, openedAmount }: Belief, amount: number): number {
  if (opened + 1 >= params.count) return Math.max(1, params.total - openedAmount);
  return params.each ?? amount;
}

function believeOpened(belief: Belief, amount: number): void {
  belief.opened += 1;
  belief.openedAmount += amount;
}

async function settle(
  store: Store,
  number: number,
  events: readonly BatchEvent[],
): Promise<Applied> {
  return store.withOwner(number, async (owner) => {
    const applied = await owner.apply(events, createdAt);
    await owner.advance(owner.settled + 1, 0);
    return applied;
  });
}

test('the fake and PostgreSQL agree', async () => {
  const seen = { inserted: 0, duplicates: 0, quarantined: 0, conflicts: 0 };
  await fc.assert(
    fc.asyncProperty(calls, async (drafts) => {
      runs += 1;
      const all = paramsOf(runs);
      const fake = new FakeStore();
      for (const params of all) {
        fake.addBatch(params);
        await under.addBatch(params);
      }
      const numbers = [await fake.newOwner([1]), await under.store.newOwner([1])] as const;
      const beliefs = all.map((params): Belief => ({
        params,
        version: 0,
        holders: [],
        opened: 0,
        openedAmount: 0,
      }));
      const sent: BatchEvent[] = [];
      const balancesBefore = await balances(under);
      for (const [i, call] of drafts.entries()) {
        const events = call.map((draft) => {
          const event =
            (draft.again && sent[draft.packet]) || eventOf(beliefs[draft.batch]!, draft, i);
          sent.push(event);
          return event;
        });
        const expected = await settle(fake, numbers[0], events);
        const applied = await settle(under.store, numbers[1], events);
        expect(applied).toEqual(expected);
        seen.inserted += applied.inserted;
        seen.duplicates += applied.duplicates;
        seen.quarantined += applied.quarantined.length;
        seen.conflicts += applied.conflicts.length;
      }
      for (const { id } of all)
        expect(await loaded(under.store, id)).toEqual(await loaded(fake, id));
      const [progress] = await fake.progress([numbers[0]]);
      expect(await under.store.progress([numbers[1]])).toMatchObject([
        { settled: progress?.settled, quarantined: progress?.quarantined },
      ]);
      expect(await under.store.quarantinedBatches(numbers[1])).toEqual(
        await fake.quarantinedBatches(numbers[0]),
      );
      const after = await balances(under);
      for (const [account, balance] of after) {
        const [owner = '', asset = ''] = account.split(' ');
        expect(balance - (balancesBefore.get(account) ?? 0)).toBe(fake.balance(owner, asset));
      }
    }),
    { numRuns: 60 },
  );
  // The generator is worth its while only when it meets every kind of outcome.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
});

async function loaded(store: Store, batchId: string): Promise<object> {
  const found = await store.load(batchId);
  return found.kind === 'active' ? plain(found.state) : found;
}

/** The users' balances; they are shared by all runs, so only their changes tell. */
async function balances(of: StoreUnderTest): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  for (const user of [...users, 'sender']) {
    for (const asset of ['CNY', 'points']) {
      all.set(`user:${user} ${asset}`, await of.balance(`user:${user}`, asset));
    }
  }
  return all;
}
