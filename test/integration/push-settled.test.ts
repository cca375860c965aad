/** Who is told what of a batch: once, in order, only once it is settled. (E5, E12, ¶144–147) Invariants 3 and 4. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BatchEvent, ClaimedEvent, OpenedEvent } from '../../engine/core/types.ts';
import { pushUnderTest, type PushUnderTest } from './push-support.ts';

let under: PushUnderTest;
beforeEach(async () => {
  under = await pushUnderTest();
  await under.deposit('sender', 1_000_000);
});
afterEach(() => under.close());

const at = Date.parse('2023-11-14T22:13:20.000Z');
const iso = (seconds: number) => new Date(at + seconds * 1_000).toISOString();

function claimed(
  batchId: string,
  version: number,
  packet: number,
  receiverId: string,
  amount?: number,
): ClaimedEvent {
  const base = { kind: 'claimed', batchId, version, at: at + version * 1_000, packet } as const;
  return { ...base, receiverId, amount, tag: undefined, position: undefined };
}
function opened(
  batchId: string,
  version: number,
  packet: number,
  receiverId: string,
  amount: number,
): OpenedEvent {
  return {
    kind: 'opened',
    batchId,
    version,
    at: at + version * 1_000,
    packet,
    receiverId,
    amount,
  };
}
const expired = (batchId: string, version: number, refunded: number): BatchEvent => ({
  kind: 'expired',
  batchId,
  version,
  at: at + version * 1_000,
  refunded,
});
const listen = async (...users: string[]) => {
  await Promise.all(users.map((userId) => under.pushes.listen(userId)));
};

test('a batch from its generation to its end, as sender, receivers and strangers are told', async () => {
  await listen('sender', 'ann', 'stranger');
  const id = await under.active('sender', { count: 2, total: 10, greeting: 'good "luck"' });
  await under.books.confirm(id, 'sender');
  expect(await under.settle([claimed(id, 1, 1, 'ann')])).toMatchObject({ isHeard: true });
  // Nobody of this batch listens.
  await under.deposit('quiet', 10);
  const quiet = await under.active('quiet', { count: 2, total: 10 });
  expect(await under.settle([claimed(quiet, 1, 1, 'bob')])).toMatchObject({ isHeard: false });
  await under.settle([claimed(id, 2, 2, 'bob', 4), opened(id, 3, 1, 'ann', 6)]);

  const annClaimed = {
    type: 'packet.claimed',
    data: {
      batchId: id,
      packetId: `${id}-1`,
      receiverId: 'ann',
      status: 'claimed',
      claimedAt: iso(1),
    },
  };
  const annOpened = {
    type: 'packet.opened',
    data: {
      batchId: id,
      packetId: `${id}-1`,
      receiverId: 'ann',
      status: 'opened',
      amount: 6,
      asset: 'CNY',
      openedAt: iso(3),
    },
  };
  const bob = { batchId: id, packetId: `${id}-2`, receiverId: 'bob' };
  expect(await under.all('sender')).toEqual([
    {
      no: 1,
      type: 'batch.generated',
      data: {
        batchId: id,
        status: 'active',
        mode: 'lucky',
        count: 2,
        total: 10,
        asset: 'CNY',
        greeting: 'good "luck"',
        senderId: 'sender',
        createdAt: iso(0),
        expiresAt: iso(60),
      },
    },
    { no: 2, ...annClaimed },
    { no: 3, type: 'packet.claimed', data: { ...bob, status: 'claimed', claimedAt: iso(2) } },
    {
      no: 4,
      type: 'packet.opened',
      data: { ...bob, status: 'opened', amount: 4, asset: 'CNY', openedAt: iso(2) },
    },
    {
      no: 5,
      type: 'batch.exhausted',
      data: { batchId: id, status: 'exhausted', count: 2, remaining: 0, exhaustedAt: iso(2) },
    },
    { no: 6, ...annOpened },
  ]);
  expect(await under.all('ann')).toEqual([
    { no: 1, ...annClaimed },
    { no: 2, ...annOpened },
  ]);
  expect(await under.all('stranger')).toEqual([]);
  expect(await under.all('bob')).toEqual([]);
  const { rows } = await under.pool.query('SELECT DISTINCT user_id FROM push ORDER BY user_id');
  expect(rows).toEqual([{ user_id: 'ann' }, { user_id: 'sender' }]);
});

test('an expiry tells the sender what came back, and who holds an unopened packet that it is over', async () => {
  await listen('sender', 'ann', 'bob', 'cid');
  const id = await under.active('sender', { count: 5, total: 10, oncePerReceiver: false });
  await under.settle([
    claimed(id, 1, 1, 'ann'),
    claimed(id, 2, 2, 'bob', 4),
    claimed(id, 3, 3, 'ann'),
  ]);
  await under.settle([claimed(id, 4, 4, 'cid'), expired(id, 5, 6)]);
  const over = { batchId: id, status: 'expired', expiredAt: iso(5) };
  expect((await under.all('sender')).at(-1)).toEqual({
    no: 7,
    type: 'batch.expired',
    data: { ...over, asset: 'CNY', refundedAmount: 6 },
  });
  expect((await under.all('ann')).at(-1)).toEqual({ no: 3, type: 'batch.expired', data: over });
  expect((await under.all('cid')).at(-1)).toEqual({ no: 2, type: 'batch.expired', data: over });
  expect(await under.types('bob')).toEqual([
    [1, 'packet.claimed'],
    [2, 'packet.opened'],
  ]);
});

test('a sender who claims is told once', async () => {
  await listen('sender');
  const id = await under.active('sender', { count: 2, total: 10 });
  await under.settle([claimed(id, 1, 1, 'sender', 3), expired(id, 2, 7)]);
  expect((await under.types('sender')).map(([, type]) => type)).toEqual([
    'batch.generated',
    'packet.claimed',
    'packet.opened',
    'batch.expired',
  ]);
});

test('what was settled before, or cannot be, pushes nothing; its neighbours do', async () => {
  await listen('sender', 'ann', 'bob');
  const good = await under.active('sender', { count: 3, total: 10 });
  const bad = await under.active('sender', { count: 3, total: 10 });
  const events = [claimed(good, 1, 1, 'ann'), claimed(good, 2, 2, 'bob', 4)];
  await under.settle(events);
  const before = await under.types('sender');
  const again = await under.settle([...events, ...events]);
  expect(again.duplicates).toBe(4);
  expect(await under.types('sender')).toEqual(before);

  // Refused by the packets' index only, so the first try is undone with all its neighbours.
  const applied = await under.settle([
    ...events,
    claimed(bad, 1, 1, 'ann'),
    claimed(bad, 2, 2, 'ann'),
    opened(good, 3, 1, 'ann', 3),
  ]);
  expect(applied.quarantined).toMatchObject([{ batchId: bad, version: 2 }]);
  expect(await under.types('sender', before.length)).toEqual([
    [before.length + 1, 'packet.opened'],
    [before.length + 2, 'packet.claimed'],
  ]);
  expect((await under.types('ann')).map(([no]) => no)).toEqual([1, 2, 3]);
  expect(await under.types('bob')).toHaveLength(2);
});

test('a settling that fails half way leaves no push and no gap', async () => {
  await listen('sender', 'ann');
  const id = await under.active('sender', { count: 3, total: 10 });
  const number = await under.store.newOwner([2]);
  const event = claimed(id, 1, 1, 'ann');
  const failing = under.store.withOwner(number, async (owner) => {
    await owner.apply([event], under.clock.now);
    throw new Error('half way');
  });
  await expect(failing).rejects.toThrow('half way');
  const killed = under.store.withOwner(number, async (owner) => {
    await owner.apply([event], under.clock.now);
    const { rowCount } = await under.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'hongbao-store' AND state = 'idle in transaction' AND datname = current_database()`,
    );
    expect(rowCount).toBe(1);
    await owner.advance(1, 0);
  });
  await expect(killed).rejects.toThrow();
  expect(await under.pushes.newest(['sender', 'ann'])).toEqual(
    new Map([
      ['sender', 1],
      ['ann', 0],
    ]),
  );
  await under.settle([event]);
  expect(await under.types('sender')).toEqual([
    [1, 'batch.generated'],
    [2, 'packet.claimed'],
  ]);
  expect(await under.types('ann')).toEqual([[1, 'packet.claimed']]);
});

test('runs are few, and read from any number in pieces of any size', async () => {
  await listen('sender', 'user-7');
  const count = 1_000;
  const id = await under.active('sender', { count, total: count });
  const events: BatchEvent[] = [];
  for (let packet = 1; packet <= count; packet += 1) {
    if (packet === 300 || packet === 301) {
      const version = events.length + 1;
      const audience = { channel: 'im', anyone: false, receivers: ['x'] } as const;
      events.push({ kind: 'audience', batchId: id, version, at, ...audience });
    }
    events.push(claimed(id, events.length + 1, packet, `user-${packet}`, 1));
  }
  await under.settle(events);
  // Generated, and 1,000 claims of two pushes each and one more.
  const pushes = await under.all('sender', 0, 5_000);
  expect(pushes.map(({ no }) => no)).toEqual(Array.from({ length: 2_002 }, (_, i) => i + 1));
  expect(pushes.at(-1)?.type).toBe('batch.exhausted');
  expect(pushes[601]?.data).toMatchObject({ packetId: `${id}-301` });
  expect(await under.rows('sender')).toBeLessThanOrEqual(12);
  expect(await under.types('user-7')).toHaveLength(2);
  for (const size of [1, 7, 64]) {
    const after = size === 1 ? 1_950 : 150;
    expect(await under.all('sender', after, size)).toEqual(pushes.slice(after));
  }
});
