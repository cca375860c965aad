/** Messages and conversations over HTTP: order, history, unread counts, and who is refused. (E7, E10) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf } from '../gateway/harness.ts';
import { socialUnderTest, type SocialUnderTest } from './social-support.ts';

let under: SocialUnderTest;
beforeAll(async () => {
  under = await socialUnderTest();
});
afterAll(() => under.close());

const texts = async (userId: string, id: string, limit?: number): Promise<string[]> =>
  (await under.all(userId, `/v1/conversations/${id}/messages`, limit)).map(({ text }) => text);
const post = (userId: string, to: object, more: object = {}) =>
  under.refusal(userId, 'POST', '/v1/messages', { to, text: 'hi', ...more });
const unread = async (userId: string, id: string) => (await under.conversation(userId, id)).unread;
const notFound = [404, 'conversation_not_found'];

describe('between two', () => {
  test('contacts write and read; the conversation begins with the first message', async () => {
    await under.befriend('ann', 'bob');
    const headers = { 'idempotency-key': 'm1' };
    const body = { to: { userId: 'bob' }, text: '恭喜发财 🧧\n<script>' };
    const said = await under.ask('ann', 'POST', '/v1/messages', body, { headers });
    const { id, conversationId } = said.json;
    const message = {
      id: `${conversationId}-1`,
      conversationId,
      senderId: 'ann',
      kind: 'text',
      text: body.text,
      createdAt: '2023-11-14T22:13:20.000Z',
    };
    expect([said.status, said.json]).toEqual([201, message]);
    const again = await under.ask('ann', 'POST', '/v1/messages', body, { headers });
    expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([message, 'true']);

    const answer = await under.say('bob', { userId: 'ann' }, 'thanks', { replyTo: id });
    expect(answer).toMatchObject({ id: `${conversationId}-2`, conversationId, replyTo: id });
    for (const userId of ['ann', 'bob']) {
      const path = `/v1/conversations/${conversationId}/messages`;
      expect((await under.ask(userId, 'GET', path)).json).toEqual({ items: [answer, message] });
    }
    expect((await under.ask('ann', 'GET', '/v1/conversations')).json.items).toEqual([
      {
        id: conversationId,
        kind: 'direct',
        name: 'bob',
        userId: 'bob',
        unread: 1,
        lastMessage: answer,
        updatedAt: answer.createdAt,
      },
    ]);
    expect(await unread('bob', conversationId)).toBe(0);
  });

  test('only accepted contacts, as long as they are', async () => {
    const refused = [403, 'not_a_contact'];
    await under.ask('asks', 'POST', '/v1/contacts', { userId: 'asked' });
    expect(await post('asks', { userId: 'asked' })).toEqual(refused);
    expect(await post('asked', { userId: 'asks' })).toEqual(refused);
    expect(await post('asks', { userId: 'nobody-at-all' })).toEqual(refused);
    expect(await post('asks', { userId: 'asks' })).toEqual(refused);
    await under.befriend('was', 'friend');
    const { conversationId } = await under.say('was', { userId: 'friend' }, 'one');
    await under.ask('friend', 'PUT', '/v1/contacts/was/block');
    expect(await post('was', { userId: 'friend' })).toEqual(refused);
    expect(await post('friend', { userId: 'was' })).toEqual(refused);
    // What was said stays with both.
    expect(await texts('was', conversationId)).toEqual(['one']);
    expect(await texts('friend', conversationId)).toEqual(['one']);
  });

  test('first messages that cross meet in one conversation', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [a, b] = [`x${round}`, `y${round}`];
      await under.befriend(a, b);
      const said = await Promise.all([
        ...[1, 2, 3].map((n) => under.say(a, { userId: b }, `a${n}`)),
        ...[1, 2, 3].map((n) => under.say(b, { userId: a }, `b${n}`)),
      ]);
      expect(new Set(said.map(({ conversationId }) => conversationId)).size).toBe(1);
      const ids = said.map(({ id }) => Number(id.split('-')[1])).toSorted((x, y) => x - y);
      expect(ids).toEqual([1, 2, 3, 4, 5, 6]);
      const { rows } = await under.pool.query(
        'SELECT user_id FROM member WHERE conversation = $1',
        [said[0].conversationId],
      );
      expect(rows).toHaveLength(2);
    }
  });

  test('a block that was answered lets no message through that came with it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [a, b] = [`p${round}`, `q${round}`];
      await under.befriend(a, b);
      const { conversationId } = await under.say(a, { userId: b }, 'first');
      const writing = Array.from({ length: 4 }, () => post(a, { userId: b }));
      await under.ask(b, 'PUT', `/v1/contacts/${a}/block`);
      const after = await texts(b, conversationId);
      const outcomes = await Promise.all(writing);
      const through = outcomes.filter(([status]) => status === 201);
      expect(through).toHaveLength(after.length - 1);
      expect(await texts(b, conversationId)).toEqual(after);
    }
  });
});

describe('strangers and former members', () => {
  test('find nothing, read nothing, change nothing', async () => {
    const id = await under.group('gia', 'hal', 'ivo');
    const { id: messageId } = await under.say('gia', { groupId: id }, 'secret');
    await under.ask('gia', 'DELETE', `/v1/groups/${id}/members`, { members: ['ivo'] });
    for (const outsider of ['eve', 'ivo']) {
      expect(await post(outsider, { groupId: id })).toEqual([404, 'group_not_found']);
      const path = `/v1/conversations/${id}`;
      expect(await under.refusal(outsider, 'GET', `${path}/messages`)).toEqual(notFound);
      expect(await under.refusal(outsider, 'PUT', `${path}/read`, { messageId })).toEqual(notFound);
      expect(await under.all(outsider, '/v1/conversations')).toEqual([]);
    }
    expect(await texts('hal', id)).toEqual(['secret']);
    expect(await unread('hal', id)).toBe(1);
  });

  test('who comes in sees what comes after, also when coming back', async () => {
    const id = await under.group('jan', 'kai');
    const { id: early } = await under.say('jan', { groupId: id }, 'before');
    await under.befriend('jan', 'lou');
    under.clock.now += 1_000;
    const members = { members: ['lou'] };
    await under.ask('jan', 'POST', `/v1/groups/${id}/members`, members);
    expect(await texts('lou', id)).toEqual([]);
    const listed = await under.conversation('lou', id);
    expect([listed.unread, listed.lastMessage]).toEqual([0, undefined]);
    expect(listed.updatedAt).toBe(new Date(under.clock.now).toISOString());
    expect(await post('lou', { groupId: id }, { replyTo: early })).toEqual([
      404,
      'message_not_found',
    ]);
    await under.say('kai', { groupId: id }, 'after');
    expect([await texts('lou', id), await unread('lou', id)]).toEqual([['after'], 1]);
    await under.ask('lou', 'DELETE', `/v1/groups/${id}/members`, members);
    await under.say('kai', { groupId: id }, 'missed');
    await under.ask('jan', 'POST', `/v1/groups/${id}/members`, members);
    expect([await texts('lou', id), await unread('lou', id)]).toEqual([[], 0]);
  });

  test.each(['0', 'x', '9999999', '99999999999999999999', '1-1'])(
    'no conversation %s',
    async (id) => {
      const messageId = { messageId: '1-1' };
      expect(await under.refusal('ann', 'GET', `/v1/conversations/${id}/messages`)).toEqual(
        notFound,
      );
      expect(await under.refusal('ann', 'PUT', `/v1/conversations/${id}/read`, messageId)).toEqual(
        notFound,
      );
    },
  );
});

describe('unread', () => {
  test('counts what came after the mark, which never goes back', async () => {
    const id = await under.group('own', 'rea');
    for (let n = 1; n <= 5; n += 1) await under.say('own', { groupId: id }, `t${n}`);
    const mark = async (userId: string, no: string | number) => {
      const body = { messageId: `${id}-${no}` };
      const said = await under.ask(userId, 'PUT', `/v1/conversations/${id}/read`, body);
      return said.json.unread ?? said.json.code;
    };
    expect(await unread('rea', id)).toBe(5);
    expect([await mark('rea', 2), await unread('rea', id)]).toEqual([3, 3]);
    expect([await mark('rea', 1), await unread('rea', id)]).toEqual([3, 3]);
    expect([await mark('rea', 6), await unread('rea', id)]).toEqual(['message_not_found', 3]);
    expect(await mark('rea', '999999999999999')).toBe('message_not_found');
    const elsewhere = { messageId: '1-1' };
    const path = `/v1/conversations/${id}/read`;
    expect(await under.refusal('rea', 'PUT', path, elsewhere)).toEqual([404, 'message_not_found']);
    expect(await mark('rea', 5)).toBe(0);
    await under.say('own', { groupId: id }, 't6');
    expect(await unread('rea', id)).toBe(1);
    // Who writes has read what stands above.
    await under.say('rea', { groupId: id }, 't7');
    expect([await unread('rea', id), await unread('own', id)]).toEqual([0, 1]);
    for (const body of [{}, { messageId: 'x' }, { messageId: `${id}-1`, all: true }]) {
      expect((await under.ask('rea', 'PUT', path, body)).status).toBe(400);
    }
  });
});

describe('pages', () => {
  test('of messages: newest first, every one once, while new ones come', async () => {
    const id = await under.group('pag');
    for (let n = 1; n <= 25; n += 1) await under.say('pag', { groupId: id }, `t${n}`);
    const newestFirst = Array.from({ length: 25 }, (_, i) => `t${25 - i}`);
    expect(await texts('pag', id, 4)).toEqual(newestFirst);
    const path = `/v1/conversations/${id}/messages?limit=10`;
    const first = (await under.ask('pag', 'GET', path)).json;
    await under.say('pag', { groupId: id }, 'late');
    const second = (await under.ask('pag', 'GET', `${path}&cursor=${first.next}`)).json;
    const seen = [...first.items, ...second.items].map(({ text }) => text);
    expect(seen).toEqual(newestFirst.slice(0, 20));
    const bad = await under.ask('pag', 'GET', `${path}&cursor=abc`);
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
  });

  test('of conversations: the one with the newest message first', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 13; n += 1) ids.unshift(await under.group('con', 'ver'));
    const listed = async (limit?: number) =>
      (await under.all('ver', '/v1/conversations', limit)).map(({ id }) => id);
    expect(await listed(5)).toEqual(ids);
    under.clock.now += 1_000;
    await under.say('con', { groupId: ids[9]! }, 'up');
    expect(await listed(4)).toEqual([ids[9], ...ids.filter((_, i) => i !== 9)]);
    const bad = await under.ask('ver', 'GET', '/v1/conversations?cursor=WzFd');
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
  });
});

describe('a body', () => {
  test.each([
    [{}, ['text', 'to']],
    [{ to: {}, text: 'a' }, ['to.userId']],
    [{ to: { userId: 'bob', groupId: '1' }, text: 'a' }, ['to.userId']],
    [{ to: { groupId: 'x' }, text: '' }, ['text', 'to.groupId']],
    [{ to: 'bob', text: ' \n ' }, ['text', 'to']],
    [{ to: { userId: 'bob' }, text: '\u200B \uFEFF' }, ['text']],
    [{ to: { userId: 'bob' }, text: 'a\u0000' }, ['text']],
    [{ to: { userId: 'bob' }, text: 'a\u001B[2J' }, ['text']],
    [{ to: { userId: 'bob' }, text: 'a\uD83D' }, ['text']],
    [{ to: { userId: 'bob' }, text: '🧧'.repeat(4_001) }, ['text']],
    [{ to: { userId: 'bob' }, text: 'a', replyTo: '1', link: 'x' }, ['link', 'replyTo']],
  ])('%# is refused by field', async (body, fields) => {
    const said = await under.ask('ann', 'POST', '/v1/messages', body);
    expect([said.status, fieldsOf(said)]).toEqual([400, fields]);
  });

  test.each([null, [], 'bob', 1])('to: %j is told what it has to be', async (to) => {
    const said = await under.ask('ann', 'POST', '/v1/messages', { to, text: 'a' });
    const message = 'must be an object with userId or groupId';
    expect([said.status, said.json.errors]).toEqual([400, [{ field: 'to', message }]]);
  });

  test.each([
    '🧧'.repeat(4_000),
    'a\tb\r\nc',
    "'; DROP TABLE message; --",
    '\u202Eshalom שלום',
    '👩\u200D👩\u200D👧\u200D👧\uFE0F',
  ])('text %# is kept as sent', async (text) => {
    const { id, conversationId } = await under.say('ann', { userId: 'bob' }, text);
    const page = await under.ask('bob', 'GET', `/v1/conversations/${conversationId}/messages`);
    expect(page.json.items[0]).toMatchObject({ id, text });
  });
});
