/** How long pushes and listeners are kept, and word of news after the connection was lost. (E12) */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listenerKeptDays, pushKeptHours } from '../../engine/limits.ts';
import { pushUnderTest, type PushUnderTest } from './push-support.ts';

let under: PushUnderTest;
beforeEach(async () => {
  under = await pushUnderTest();
});
afterEach(() => under.close());

const hours = 3_600_000;
const tell = (n: number, ...users: string[]) =>
  under.write({ kind: 'told', users, type: 'trade.shared', data: { n } });
const numbers = async (userId: string) => (await under.types(userId)).map(([no]) => no);

test('old pushes go, and whoever asks for them is told', async () => {
  await under.pushes.listen('ann');
  await under.pushes.listen('bob');
  await tell(1, 'ann', 'bob');
  await tell(2, 'ann');
  under.clock.now += pushKeptHours * hours;
  await tell(3, 'ann');
  await under.books.purge();
  expect(await numbers('ann')).toEqual([1, 2, 3]);
  under.clock.now += 1;
  await under.books.purge();
  expect(await numbers('ann')).toEqual([3]);
  expect(await numbers('bob')).toEqual([]);
  expect(await under.pushes.listen('ann')).toEqual({ newest: 3, purged: 2 });
  expect(await under.pushes.listen('bob')).toEqual({ newest: 1, purged: 1 });
  await tell(4, 'ann', 'bob');
  expect(await numbers('ann')).toEqual([3, 4]);
  expect(await numbers('bob')).toEqual([2]);
});

test('many old pushes of many users go in pieces', async () => {
  await under.pool.query(
    `INSERT INTO listener (user_id, last_no, purged_no, seen_at, ready)
     SELECT 'user-' || i, 120, 0, $1, true FROM generate_series(1, 100) AS i`,
    [under.clock.now],
  );
  await under.pool.query(
    `INSERT INTO push (user_id, last_no, at, n, kind, detail)
     SELECT 'user-' || i, no, no, 1, 5, '{"type":"trade.shared","data":{}}'
     FROM generate_series(1, 100) AS i, generate_series(1, 120) AS no`,
  );
  // Of a user forgotten between: nobody's, but old.
  await under.pool.query(
    `INSERT INTO push (user_id, last_no, at, n, kind, detail) VALUES ('nobody', 1, 0, 1, 5, '{}')`,
  );
  await under.books.purge();
  expect((await under.pool.query('SELECT FROM push')).rowCount).toBe(0);
  expect(await under.pushes.listen('user-100')).toEqual({ newest: 120, purged: 120 });
});

test('who is not seen for long is no listener any more; a stream that is open is seen', async () => {
  await under.pushes.listen('ann');
  await under.pushes.listen('bob');
  await tell(1, 'ann', 'bob');
  under.clock.now += listenerKeptDays * 24 * hours - 1;
  await under.pushes.touch(['bob', 'nobody']);
  under.clock.now += 2;
  await tell(2, 'ann');
  await under.books.purge();
  expect(await under.pushes.newest(['ann', 'bob', 'nobody'])).toEqual(new Map([['bob', 1]]));
  expect(await numbers('ann')).toEqual([]);
  await tell(3, 'ann');
  // Numbers go on, behind one that nobody got: a client that comes back with 2 has missed something.
  expect(await under.pushes.listen('ann')).toEqual({ newest: 3, purged: 3 });
  await tell(4, 'ann');
  expect(await numbers('ann')).toEqual([4]);
});

test('who comes back while being forgotten is waited for: numbers go on', async () => {
  await under.pushes.listen('ann');
  await tell(1, 'ann');
  under.clock.now += listenerKeptDays * 24 * hours + 1;
  const other = await under.pool.connect();
  try {
    // Holds up the purge between its parts.
    await other.query("BEGIN; INSERT INTO past_listener (last_no, user_id) VALUES (0, 'ann')");
    const purged = under.books.purge();
    await sleep(150);
    const listening = under.pushes.listen('ann');
    await sleep(150);
    await other.query('ROLLBACK');
    await purged;
    expect(await listening).toEqual({ newest: 2, purged: 2 });
  } finally {
    other.release();
  }
});

test('whoever watches hears of everybody after a lost connection, and then of each again', async () => {
  await under.pushes.listen('ann');
  const heard: string[] = [];
  under.pushes.watch((users) => heard.push(users?.join() ?? 'anybody'));
  const waits = { timeout: 10_000, interval: 20 };
  await vi.waitFor(() => expect(heard).toEqual(['anybody']), waits);
  await tell(1, 'ann');
  await vi.waitFor(() => expect(heard).toEqual(['anybody', 'ann']), waits);
  const ended = await under.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'hongbao-push-watch' AND datname = current_database()`,
  );
  expect(ended.rowCount).toBe(1);
  await tell(2, 'ann');
  await vi.waitFor(() => expect(heard).toEqual(['anybody', 'ann', 'anybody']), waits);
  await tell(3, 'ann');
  await vi.waitFor(() => expect(heard.at(-1)).toBe('ann'), waits);
  await under.pool.query("NOTIFY hongbao_push, 'not ours'");
  await vi.waitFor(() => expect(heard.at(-1)).toBe('anybody'), waits);
});

test('word of many users comes in several parts, of very many as one', async () => {
  const users = Array.from({ length: 1_001 }, (_, i) => `${'u'.repeat(55)}-${i}`);
  await under.pool.query(
    `INSERT INTO listener (user_id, last_no, purged_no, seen_at, ready)
     SELECT unnest($1::text[]), 0, 0, $2, true`,
    [users, under.clock.now],
  );
  const heard: (readonly string[] | undefined)[] = [];
  under.pushes.watch((named) => heard.push(named));
  await vi.waitFor(() => expect(heard).toEqual([undefined]));
  await tell(1, ...users.slice(1));
  await vi.waitFor(() => expect(heard.length).toBe(11));
  expect(heard.flatMap((named) => named ?? []).sort()).toEqual(users.slice(1).sort());
  await tell(2, ...users);
  await vi.waitFor(() => expect(heard.length).toBe(12));
  expect(heard.at(-1)).toBeUndefined();
  const ids = ['春节'.repeat(600), '"'.repeat(4_000)];
  await under.pool.query(
    'INSERT INTO listener (user_id, last_no, purged_no, seen_at) SELECT unnest($1::text[]), 0, 0, 0',
    [ids],
  );
  await tell(3, ...ids);
  await vi.waitFor(() => expect(heard.length).toBe(13));
  expect(heard.at(-1)).toBeUndefined();
});
