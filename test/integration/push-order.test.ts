/** Numbers under concurrent writers: no gap, none skipped by a reader, nobody waits in a circle. (E12) */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import type { BatchEvent } from '../../engine/core/types.ts';
import { type Push, WritersLinger } from '../../engine/push/port.ts';
import { postgresPushes } from '../../engine/push/postgres.ts';
import { pushUnderTest, type PushUnderTest } from './push-support.ts';

let under: PushUnderTest;
beforeEach(async () => {
  under = await pushUnderTest();
});
afterEach(() => under.close());

const claim = (batchId: string, packet: number, receiverId: string): BatchEvent => ({
  kind: 'claimed',
  batchId,
  version: packet,
  at: under.clock.now,
  packet,
  receiverId,
  amount: 1,
  tag: undefined,
  position: undefined,
});

test('two owners, messages and others push to the same users; a reader polls and misses nothing', async () => {
  const users = ['sender', 'ann', 'bob', 'zoe'];
  await Promise.all(users.map((userId) => under.pushes.listen(userId)));
  await under.deposit('sender', 10_000);
  const turns = 40;
  const shape = { count: turns + 1, total: turns + 1, oncePerReceiver: false } as const;
  const batches = await Promise.all([
    under.active('sender', shape),
    under.active('sender', shape),
    under.active('sender', shape),
  ]);
  const groups = [await under.group(...users), await under.group(...users.toReversed())];

  const settling = async (batchId: string, receivers: readonly string[]) => {
    const number = await under.store.newOwner([1]);
    for (let turn = 1; turn <= turns; turn += 1) {
      const event = claim(batchId, turn, receivers[turn % receivers.length] ?? '');
      await under.store.withOwner(number, async (owner) => {
        await owner.apply([event], under.clock.now);
        await owner.advance(turn, 0);
      });
    }
  };
  const talking = async (senderId: string, order: readonly string[]) => {
    for (let turn = 0; turn < turns; turn += 1) {
      await under.say(...order.map((groupId) => ({ senderId, to: { groupId }, text: 'hello' })));
    }
  };
  const telling = async (order: readonly string[]) => {
    for (let turn = 0; turn < turns; turn += 1) {
      const data = { id: String(turn) };
      await under.write(
        { kind: 'told', users: order, type: 'withdrawal.updated', data },
        { kind: 'told', users: order.toReversed(), type: 'trade.shared', data },
      );
    }
  };
  let writing = true;
  const reading = async (userId: string) => {
    const seen: Push[] = [];
    for (let more = true; more;) {
      more = writing;
      const page = await under.pushes.read(userId, seen.at(-1)?.no ?? 0, 16);
      seen.push(...page);
      more ||= page.length > 0;
    }
    return seen;
  };
  const readers = users.map(reading);
  await Promise.all([
    settling(batches[0], ['ann', 'bob', 'zoe']),
    settling(batches[1], ['zoe', 'bob', 'ann']),
    settling(batches[2], ['zoe', 'ann']),
    talking('ann', groups),
    talking('bob', groups),
    telling(users),
    telling(users.toReversed()),
  ]).finally(() => (writing = false));
  const seen = await Promise.all(readers);

  // Generated, claims and opens of three batches, two talkers in two groups, two tellers of two.
  expect(seen[0]).toHaveLength(3 + 3 * 2 * turns + 2 * 2 * turns + 2 * 2 * turns);
  for (const [i, userId] of users.entries()) {
    const pushes = seen[i] ?? [];
    expect(pushes.map(({ no }) => no)).toEqual(pushes.map((_, k) => k + 1));
    expect(pushes).toEqual(await under.all(userId));
    for (const groupId of groups) {
      const numbers = pushes
        .filter(({ type, data }) => type === 'message.created' && data.conversationId === groupId)
        .map(({ data }) => Number(String(data.id).split('-')[1]));
      expect(numbers).toEqual(Array.from({ length: 2 * turns }, (_, k) => k + 1));
    }
  }
  const { rows } = await under.pool.query<{ deadlocks: string }>(
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  );
  expect(Number(rows[0]?.deadlocks)).toBe(0);
});

test('who begins to listen waits for what may have overlooked it, and then misses nothing', async () => {
  await under.deposit('sender', 100);
  await under.pushes.listen('somebody');
  const batchId = await under.active('sender', { count: 2, total: 10 });
  const number = await under.store.newOwner([1]);
  let release = () => undefined as void;
  const held = new Promise<void>((resolve) => (release = resolve));
  let isApplied = () => undefined as void;
  const applied = new Promise<void>((resolve) => (isApplied = resolve));
  const settling = under.store.withOwner(number, async (owner) => {
    await owner.apply([claim(batchId, 1, 'ann')], under.clock.now);
    isApplied();
    await held;
    await owner.advance(1, 0);
  });
  await applied;
  // A reader that has looked as well is not waited for.
  const reader = await under.pool.connect();
  await reader.query('BEGIN');
  await reader.query('SELECT FROM listener');
  let listening = 0;
  const all = Promise.all(
    ['ann', 'sender', 'ann'].map(async (userId) => {
      await under.pushes.listen(userId);
      listening += 1;
    }),
  );
  try {
    // Those who listen already do not wait.
    await under.pushes.listen('somebody');
    await sleep(150);
    expect(listening).toBe(0);
  } finally {
    release();
    await settling;
    await all;
    await reader.query('ROLLBACK');
    reader.release();
  }
  expect(await under.all('ann')).toEqual([]);
  await under.say({ senderId: 'ann', to: { groupId: await under.group('ann') }, text: 'hello' });
  expect(await under.types('ann')).toEqual([[1, 'message.created']]);
});

test('a transaction that does not end keeps new listeners out, not those of before, and not for longer', async () => {
  await under.pushes.listen('old');
  await under.pool.query("UPDATE listener SET seen_at = 0 WHERE user_id = 'old'");
  const looking = await under.pool.connect();
  // Its time passes a thousand times as fast.
  const hasty = { ...systemClock, monotonic: () => systemClock.monotonic() * 1_000 };
  const pushes = await postgresPushes({ url: under.url, clock: hasty });
  try {
    await looking.query('BEGIN');
    await looking.query("INSERT INTO person (user_id, name, created_at) VALUES ('p', 'p', 0)");
    await looking.query('SELECT FROM listener');
    const both = await Promise.allSettled([pushes.listen('new'), pushes.listen('old')]);
    expect(both).toMatchObject([
      { status: 'rejected', reason: expect.any(WritersLinger) },
      { status: 'fulfilled', value: { newest: 0, purged: 0 } },
    ]);
    // What was begun goes on, and may still be overlooked.
    await expect(pushes.listen('new')).rejects.toThrow(WritersLinger);
    await looking.query('COMMIT');
    expect(await pushes.listen('new')).toEqual({ newest: 0, purged: 0 });
  } finally {
    looking.release();
    await pushes.close();
  }
});
