/** Messages while members come and go, and the transactions that a later share builds on. (E7, E8) */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tx } from '../../engine/books/types.ts';
import { postgresBooks } from '../../engine/books/postgres.ts';
import { socialUnderTest, type SocialUnderTest } from './social-support.ts';

let under: SocialUnderTest;
beforeAll(async () => {
  under = await socialUnderTest();
});
afterAll(() => under.close());

test('numbers have no gap and counts are right, whoever comes and goes meanwhile', async () => {
  const crowd = Array.from({ length: 6 }, (_, i) => `m${i}`);
  const id = await under.group('own', ...crowd);
  const path = `/v1/groups/${id}/members`;
  let answered = 0;
  const write = async (userId: string) => {
    for (let n = 0; n < 12; n += 1) {
      const body = { to: { groupId: id }, text: `${userId} ${n}` };
      const { status } = await under.ask(userId, 'POST', '/v1/messages', body);
      expect([201, 404]).toContain(status);
      if (status === 201) answered += 1;
    }
  };
  const shuffle = async (userId: string) => {
    for (let n = 0; n < 8; n += 1) {
      const members = { members: [userId, crowd[n % crowd.length]] };
      const method = n % 2 === 0 ? 'DELETE' : 'POST';
      const { status } = await under.ask('own', method, path, members);
      expect(status).toBe(method === 'POST' ? 201 : 200);
    }
  };
  const mark = async (userId: string) => {
    for (let n = 1; n < 12; n += 1) {
      const body = { messageId: `${id}-${n}` };
      const { status } = await under.ask(userId, 'PUT', `/v1/conversations/${id}/read`, body);
      expect([200, 404]).toContain(status);
    }
  };
  await Promise.all([
    write('own'),
    ...crowd.slice(0, 3).flatMap((userId) => [write(userId), mark(userId)]),
    ...crowd.slice(2, 5).map((userId) => shuffle(userId)),
  ]);

  const history = await under.all('own', `/v1/conversations/${id}/messages`);
  const numbers = history.map((message) => Number(message.id.split('-')[1]));
  expect(numbers).toEqual(Array.from({ length: answered }, (_, i) => answered - i));
  const { memberCount } = (await under.ask('own', 'GET', `/v1/groups/${id}`)).json;
  const members = await under.all('own', `/v1/groups/${id}`);
  expect(members).toHaveLength(memberCount);
  for (const { userId } of members) {
    const { unread } = await under.conversation(userId, id);
    expect(unread).toBeGreaterThanOrEqual(0);
    const body = { messageId: `${id}-${answered}` };
    const read = await under.ask(userId, 'PUT', `/v1/conversations/${id}/read`, body);
    // Who came in after the last message cannot name it.
    expect(read.json.unread ?? read.json.code).toBe(read.status === 200 ? 0 : 'message_not_found');
    expect((await under.conversation(userId, id)).unread).toBe(0);
  }
});

test('a crowd in one conversation leaves connections to everybody else', async () => {
  const id = await under.group('hot', 'fan');
  const other = await under.group('hot', 'cool');
  const holder = await under.pool.connect();
  const say = (groupId: string, text: string) =>
    under.ask('hot', 'POST', '/v1/messages', { to: { groupId }, text });
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM conversation WHERE id = $1 FOR NO KEY UPDATE', [id]);
    const crowd = Array.from({ length: 60 }, (_, n) => say(id, `${n}`));
    const elsewhere = Promise.all([
      say(other, 'hello'),
      under.ask('cool', 'GET', '/v1/conversations'),
    ]);
    const inTime = await Promise.race([elsewhere, sleep(3_000)]);
    await holder.query('COMMIT');
    expect((inTime ?? []).map(({ status }) => status)).toEqual([201, 200]);
    expect(new Set((await Promise.all(crowd)).map(({ status }) => status))).toEqual(new Set([201]));
    expect(await under.all('fan', `/v1/conversations/${id}/messages`)).toHaveLength(60);
  } finally {
    holder.release();
  }
});

test('a crowd that writes to one user leaves connections to everybody else', async () => {
  const crowd = Array.from({ length: 40 }, (_, n) => `fan${n}`);
  await under.befriend('star', ...crowd);
  await under.befriend('jo', 'ben');
  await under.pool.query(
    `INSERT INTO listener (user_id, last_no, purged_no, seen_at, ready) VALUES ('star', 0, 0, 0, true)`,
  );
  const holder = await under.pool.connect();
  const say = (from: string, userId: string) =>
    under.ask(from, 'POST', '/v1/messages', { to: { userId }, text: 'hello' });
  try {
    await holder.query('BEGIN');
    await holder.query("SELECT FROM listener WHERE user_id = 'star' FOR NO KEY UPDATE");
    const all = crowd.map((fan) => say(fan, 'star'));
    const elsewhere = Promise.all([say('jo', 'ben'), under.ask('ben', 'GET', '/v1/conversations')]);
    const inTime = await Promise.race([elsewhere, sleep(3_000)]);
    await holder.query('COMMIT');
    expect((inTime ?? []).map(({ status }) => status)).toEqual([201, 200]);
    expect(new Set((await Promise.all(all)).map(({ status }) => status))).toEqual(new Set([201]));
    const { rows } = await under.pool.query(
      "SELECT last_no::int FROM listener WHERE user_id = 'star'",
    );
    expect(rows).toEqual([{ last_no: crowd.length }]);
  } finally {
    holder.release();
  }
});

test('a removal that was answered lets no message through', async () => {
  for (let round = 0; round < 10; round += 1) {
    const id = await under.group('rem', 'out');
    const post = () =>
      under.refusal('out', 'POST', '/v1/messages', { to: { groupId: id }, text: 'x' });
    const writing = Array.from({ length: 4 }, post);
    await under.ask('rem', 'DELETE', `/v1/groups/${id}/members`, { members: ['out'] });
    const after = await under.all('rem', `/v1/conversations/${id}/messages`);
    const through = (await Promise.all(writing)).filter(([status]) => status === 201);
    expect(through).toHaveLength(after.length);
    expect(await post()).toEqual([404, 'group_not_found']);
    expect(await under.all('rem', `/v1/conversations/${id}/messages`)).toEqual(after);
  }
});

test('links go out inside a transaction of the books, or not at all', async () => {
  const { options } = under.pool;
  const books = await postgresBooks({ url: options.connectionString ?? '', poolMax: 2 });
  try {
    const groupId = await under.group('snd', 'r1', 'r2');
    const link = { batchId: '9223372036854775807', url: 'https://packets.example/r/1?k=x' };
    // Friends see a post with a link only where they may claim.
    await under.pool.query(`INSERT INTO receiver (batch, channel, user_id) VALUES ($1, 1, 'r1')`, [
      link.batchId,
    ]);
    const share = async (tx: Tx) => {
      const message = { senderId: 'snd', to: { groupId }, text: '', link };
      expect((await under.social.postMessage(tx, message)).code).toBe('posted');
      const post = { authorId: 'snd', visibleTo: 'friends', text: '', link } as const;
      for (const place of ['feed', 'microblog'] as const) {
        expect((await under.social.publish(tx, { ...post, place })).code).toBe('published');
      }
    };
    const run = (keep: boolean) =>
      books.once('snd', 'share', undefined, async (tx) => {
        await share(tx);
        return { status: 201, body: null, keep };
      });
    await run(false);
    expect(await under.all('r1', `/v1/conversations/${groupId}/messages`)).toEqual([]);
    expect(await under.all('r1', '/v1/feed')).toEqual([]);
    await run(true);
    const shown = { kind: 'batch', text: '', link };
    const history = await under.all('r1', `/v1/conversations/${groupId}/messages`);
    expect(history).toEqual([expect.objectContaining({ ...shown, id: `${groupId}-1` })]);
    for (const place of ['feed', 'microblog']) {
      const posts = await under.all('r1', `/v1/${place}`);
      expect(posts).toEqual([expect.objectContaining({ ...shown, authorId: 'snd' })]);
      expect(await under.all('r2', `/v1/${place}`)).toEqual([]);
    }
  } finally {
    await books.close();
  }
});
