/** Groups over HTTP: who makes, sees, enters and leaves them, and who is refused. (E7, E8, E10) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupMembersMax } from '../../engine/limits.ts';
import { fieldsOf } from '../gateway/harness.ts';
import { socialUnderTest, type SocialUnderTest } from './social-support.ts';

let under: SocialUnderTest;
beforeAll(async () => {
  under = await socialUnderTest();
});
afterAll(() => under.close());

const membersOf = async (userId: string, id: string): Promise<string[]> =>
  (await under.all(userId, `/v1/groups/${id}`)).map((member) => member.userId);
const notFound = [404, 'group_not_found'];

describe('a new group', () => {
  test('belongs to who made it, once per key', async () => {
    const { ask } = under;
    await under.befriend('ann', 'bob', 'cem');
    await ask('bob', 'PUT', '/v1/me', { name: 'Bob' });
    const body = { name: '家人 🧧', members: ['cem', 'bob', 'bob', 'ann'] };
    const headers = { 'idempotency-key': 'g1' };
    const made = await ask('ann', 'POST', '/v1/groups', body, { headers });
    const group = {
      id: made.json.id,
      name: '家人 🧧',
      ownerId: 'ann',
      memberCount: 3,
      createdAt: '2023-11-14T22:13:20.000Z',
    };
    expect([made.status, made.json]).toEqual([201, group]);
    const again = await ask('ann', 'POST', '/v1/groups', body, { headers });
    expect([again.status, again.json]).toEqual([201, group]);
    for (const member of ['ann', 'bob', 'cem']) {
      expect((await ask(member, 'GET', '/v1/groups')).json).toEqual({ items: [group] });
      const { members, ...shown } = (await ask(member, 'GET', `/v1/groups/${group.id}`)).json;
      expect(shown).toEqual(group);
      expect(members.map((one: { name: string }) => one.name)).toEqual(['ann', 'Bob', 'cem']);
    }
    expect((await ask('eve', 'GET', '/v1/groups')).json.items).toEqual([]);
  });

  test('takes contacts only, all or none', async () => {
    await under.ask('ann', 'POST', '/v1/contacts', { userId: 'asked' });
    const before = (await under.all('ann', '/v1/groups')).length;
    const members = ['bob', 'stranger', 'asked', 'eve'];
    const said = await under.ask('ann', 'POST', '/v1/groups', { name: 'g', members });
    expect([said.status, said.json.code]).toEqual([403, 'not_contacts']);
    expect(said.json.errors).toEqual(
      ['stranger', 'asked', 'eve'].map((userId) => ({
        field: 'members',
        message: `${userId} is not a contact`,
      })),
    );
    expect(await under.all('ann', '/v1/groups')).toHaveLength(before);
  });

  test.each([
    [{}, ['members', 'name']],
    [{ name: ' ', members: [] }, ['name']],
    [{ name: 'a\tb', members: 'bob' }, ['members', 'name']],
    [{ name: 'x'.repeat(65), members: ['bob', 'a b', 7] }, ['members[1]', 'members[2]', 'name']],
    [{ name: 'g', members: [], owner: 'bob' }, ['owner']],
    [{ name: 'g', members: Array.from({ length: 5_001 }, (_, i) => `u${i}`) }, ['members']],
  ])('%# is refused by field', async (body, fields) => {
    const said = await under.ask('ann', 'POST', '/v1/groups', body);
    expect([said.status, fieldsOf(said).toSorted()]).toEqual([400, fields]);
  });
});

describe('members', () => {
  test('a member brings contacts of its own in; nobody else does', async () => {
    const id = await under.group('dan', 'eli');
    await under.befriend('eli', 'fay');
    const add = (userId: string, ...members: string[]) =>
      under.refusal(userId, 'POST', `/v1/groups/${id}/members`, { members });
    expect(await add('fay', 'fay')).toEqual(notFound);
    expect(await add('stranger', 'eli')).toEqual(notFound);
    expect(await add('dan', 'fay')).toEqual([403, 'not_contacts']);
    expect(await membersOf('dan', id)).toEqual(['dan', 'eli']);
    const added = await under.ask('eli', 'POST', `/v1/groups/${id}/members`, {
      members: ['fay', 'dan', 'fay'],
    });
    expect([added.status, added.json]).toEqual([201, { id, memberCount: 3 }]);
    expect(await add('fay', 'dan')).toEqual([201, undefined]);
    expect(await membersOf('fay', id)).toEqual(['dan', 'eli', 'fay']);
  });

  test('leave by themselves, are removed by the owner, and see nothing any more', async () => {
    const id = await under.group('own', 'm1', 'm2', 'm3');
    const path = `/v1/groups/${id}/members`;
    expect(await under.refusal('stranger', 'DELETE', path, { members: ['m1'] })).toEqual(notFound);
    expect(await under.refusal('m1', 'DELETE', path, { members: ['m1', 'm2'] })).toEqual([
      403,
      'not_owner',
    ]);
    expect(await membersOf('m1', id)).toEqual(['m1', 'm2', 'm3', 'own']);
    const left = await under.ask('m1', 'DELETE', path, { members: ['m1'] });
    expect([left.status, left.json]).toEqual([200, { id, memberCount: 3 }]);
    const removed = await under.ask('own', 'DELETE', path, { members: ['m2', 'm1', 'nobody'] });
    expect([removed.status, removed.json]).toEqual([200, { id, memberCount: 2 }]);
    for (const former of ['m1', 'm2']) {
      expect(await under.refusal(former, 'GET', `/v1/groups/${id}`)).toEqual(notFound);
      expect(await under.refusal(former, 'DELETE', path, { members: [former] })).toEqual(notFound);
      expect(await under.refusal(former, 'POST', path, { members: [former] })).toEqual(notFound);
      expect((await under.ask(former, 'GET', '/v1/groups')).json.items).toEqual([]);
    }
    for (const body of [undefined, {}, { members: [] }]) {
      const said = await under.ask('m3', 'DELETE', path, body);
      expect([said.status, fieldsOf(said)]).toEqual([400, ['members']]);
    }
  });

  test('an owner who leaves hands over to the longest-standing member', async () => {
    const id = await under.group('old', 'mid');
    under.clock.now += 1_000;
    await under.befriend('old', 'aaa');
    await under.ask('old', 'POST', `/v1/groups/${id}/members`, { members: ['aaa'] });
    await under.ask('old', 'DELETE', `/v1/groups/${id}/members`, { members: ['old'] });
    expect((await under.ask('aaa', 'GET', `/v1/groups/${id}`)).json).toMatchObject({
      ownerId: 'mid',
      memberCount: 2,
    });
    const all = { members: ['mid', 'aaa'] };
    const last = await under.ask('mid', 'DELETE', `/v1/groups/${id}/members`, all);
    expect(last.json.memberCount).toBe(0);
    expect(await under.refusal('mid', 'GET', `/v1/groups/${id}`)).toEqual(notFound);
  });

  test.each(['0', '01', '999999', '99999999999999999999', 'x', '1-1'])(
    'no group %s',
    async (id) => {
      const body = { members: ['ann'] };
      expect(await under.refusal('ann', 'GET', `/v1/groups/${id}`)).toEqual(notFound);
      expect(await under.refusal('ann', 'POST', `/v1/groups/${id}/members`, body)).toEqual(
        notFound,
      );
      expect(await under.refusal('ann', 'DELETE', `/v1/groups/${id}/members`, body)).toEqual(
        notFound,
      );
    },
  );

  test('a conversation of two is no group', async () => {
    await under.befriend('two', 'tow');
    const { conversationId } = await under.say('two', { userId: 'tow' }, 'hi');
    const message = { to: { groupId: conversationId }, text: 'hi' };
    expect(await under.refusal('two', 'GET', `/v1/groups/${conversationId}`)).toEqual(notFound);
    expect(await under.refusal('two', 'POST', '/v1/messages', message)).toEqual(notFound);
    expect((await under.ask('two', 'GET', '/v1/groups')).json.items).toEqual([]);
  });
});

test(`a group holds ${groupMembersMax}; its members page`, async () => {
  await under.pool.query(
    `INSERT INTO contact (user_id, other, state, since)
     SELECT 'host', 'guest' || n, 3, 0 FROM generate_series(1, ${groupMembersMax}) AS n`,
  );
  const guests = Array.from({ length: groupMembersMax }, (_, i) => `guest${i + 1}`);
  const body = { name: 'all', members: guests };
  expect(await under.refusal('host', 'POST', '/v1/groups', body)).toEqual([422, 'group_full']);
  const members = guests.slice(1);
  const made = await under.ask('host', 'POST', '/v1/groups', { name: 'all', members });
  expect(made.json.memberCount).toBe(groupMembersMax);
  const { id } = made.json;
  const one = { members: ['guest1'] };
  expect(await under.refusal('host', 'POST', `/v1/groups/${id}/members`, one)).toEqual([
    422,
    'group_full',
  ]);
  const seen = (await under.all('guest2', `/v1/groups/${id}`)).map((member) => member.userId);
  expect(seen).toEqual([...members, 'host'].toSorted());
  // One message to all of them: no member's row but the sender's is touched.
  await under.say('guest7', { groupId: id }, 'hello');
  const { rows } = await under.pool.query(
    'SELECT user_id FROM member WHERE conversation = $1 AND read_no > 0',
    [id],
  );
  expect(rows).toEqual([{ user_id: 'guest7' }]);
  expect(await under.conversation('guest4999', id)).toMatchObject({ unread: 1 });
});

test('groups page, newest first', async () => {
  const made: string[] = [];
  for (let i = 0; i < 11; i += 1) made.unshift(await under.group('many'));
  const seen = (await under.all('many', '/v1/groups', 3)).map(({ id }) => id);
  expect(seen).toEqual(made);
  const bad = await under.ask('many', 'GET', '/v1/groups?cursor=abc');
  expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
});
