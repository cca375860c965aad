/** Trade-sharing groups over HTTP: made, shown, talked in, left; and what they are not: groups one is brought into. (T1, T3) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupMembersMax, invitesMax } from '../../engine/limits.ts';
import { fieldsOf } from '../gateway/harness.ts';
import { type TradeGroupsUnderTest, tradeGroupsUnderTest } from './trade-group-support.ts';

let under: TradeGroupsUnderTest;
beforeAll(async () => {
  under = await tradeGroupsUnderTest();
});
afterAll(() => under.close());

const notFound = [404, 'group_not_found'];
const at = '2023-11-14T22:13:20.000Z';

describe('T1: a new trade-sharing group', () => {
  test('T1 has an id of its own, its creator as first member, and open invitations; once per key', async () => {
    await under.befriend('ann', 'bob', 'cem');
    const body = { name: '共享一族', invite: ['cem', 'bob', 'bob', 'ann'] };
    const headers = { 'idempotency-key': 't1' };
    const made = await under.ask('ann', 'POST', '/v1/trade-groups', body, { headers });
    const { invitations, ...group } = made.json;
    expect([made.status, group]).toEqual([
      201,
      { id: group.id, name: '共享一族', ownerId: 'ann', memberCount: 1, createdAt: at },
    ]);
    const invitation = (inviteeId: string) => ({
      id: expect.stringMatching(/^[1-9]\d*$/) as unknown,
      groupId: group.id,
      groupName: '共享一族',
      inviterId: 'ann',
      inviteeId,
      status: 'open',
      createdAt: at,
    });
    expect(invitations).toEqual([invitation('cem'), invitation('bob')]);
    const again = await under.ask('ann', 'POST', '/v1/trade-groups', body, { headers });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.json).toEqual(made.json);
    expect(await under.membersOf('ann', group.id)).toEqual(['ann']);
    expect((await under.done('ann', 'GET', '/v1/trade-groups')).items).toEqual([group]);
    expect((await under.done('bob', 'GET', '/v1/trade-groups')).items).toEqual([]);
    for (const stranger of ['bob', 'eve']) {
      const path = `/v1/trade-groups/${group.id}`;
      expect(await under.refusal(stranger, 'GET', path)).toEqual(notFound);
      expect(await under.refusal(stranger, 'GET', `${path}/messages`)).toEqual(notFound);
    }
  });

  test('T1 two or more members: contacts only, all or none', async () => {
    const before = (await under.all('ann', '/v1/trade-groups')).length;
    const body = { name: 'g', invite: ['bob', 'stranger'] };
    const said = await under.ask('ann', 'POST', '/v1/trade-groups', body);
    expect([said.status, said.json.code]).toEqual([403, 'not_contacts']);
    expect(said.json.errors).toEqual([{ field: 'invite', message: 'stranger is not a contact' }]);
    expect(await under.all('ann', '/v1/trade-groups')).toHaveLength(before);
    const { rows } = await under.pool.query(
      "SELECT FROM trade_invitation WHERE invitee = 'stranger'",
    );
    expect(rows).toEqual([]);
  });

  test.each([
    [{}, ['invite', 'name']],
    [{ name: ' ', invite: [] }, ['invite', 'name']],
    [{ name: 'g', invite: ['ann'] }, ['invite']],
    [{ name: 'g', invite: ['bob'], members: ['bob'] }, ['members']],
    [{ name: 'x'.repeat(65), invite: ['bob', 'a b', 7] }, ['invite[1]', 'invite[2]', 'name']],
    [{ name: 'g', invite: Array.from({ length: invitesMax + 1 }, (_, i) => `u${i}`) }, ['invite']],
  ])('T1 %# is refused by field', async (body, fields) => {
    const said = await under.ask('ann', 'POST', '/v1/trade-groups', body);
    expect([said.status, fieldsOf(said)]).toEqual([400, fields]);
  });

  test('T1 lists page, newest first, and hold neither groups nor chats', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) made.unshift(await under.tradeGroup('many', 'few'));
    const group = await under.group('many', 'few');
    const seen = (await under.all('few', '/v1/trade-groups', 2)).map(({ id }) => id);
    expect(seen).toEqual(made);
    expect((await under.all('few', '/v1/groups')).map(({ id }) => id)).toEqual([group]);
    expect(await under.refusal('few', 'GET', `/v1/trade-groups/${group}`)).toEqual(notFound);
    expect(await under.refusal('few', 'GET', `/v1/trade-groups/${group}/messages`)).toEqual(
      notFound,
    );
    expect(await under.refusal('few', 'GET', `/v1/groups/${made[0]}`)).toEqual(notFound);
    const bad = await under.ask('few', 'GET', '/v1/trade-groups?cursor=abc');
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
  });
});

describe('T3: a new member', () => {
  test('T3 stands under the id of the group and sees what comes from then on', async () => {
    await under.befriend('dan', 'eli', 'fay');
    await under.done('fay', 'PUT', '/v1/me', { name: 'Fay' });
    const body = { name: 'g', invite: ['eli', 'fay'] };
    const { id, invitations } = await under.done('dan', 'POST', '/v1/trade-groups', body);
    const path = `/v1/trade-groups/${id}`;
    await under.say('dan', { groupId: id }, 'before');
    under.clock.now += 5_000;
    await under.done('fay', 'POST', `/v1/invitations/${invitations[1].id}/accept`);
    const joinedAt = new Date(under.clock.now).toISOString();
    const { members, memberCount } = await under.done('dan', 'GET', path);
    expect(memberCount).toBe(2);
    expect(members[1]).toEqual({ userId: 'fay', name: 'Fay', joinedAt });
    expect((await under.done('fay', 'GET', `${path}/messages`)).items).toEqual([]);
    expect(await under.conversation('fay', id)).toMatchObject({ kind: 'trade_group', unread: 0 });
    await under.say('dan', { groupId: id }, 'after');
    expect(await under.conversation('fay', id)).toMatchObject({ unread: 1 });
    const { items } = await under.done('fay', 'GET', `${path}/messages`);
    expect(items.map(({ text }: { text: string }) => text)).toEqual(['after']);
    const alias = await under.done('fay', 'GET', `/v1/conversations/${id}/messages`);
    expect(alias.items).toEqual(items);
    // Comments are messages in reply.
    const reply = await under.say('fay', { groupId: id }, 'nice', { replyTo: items[0].id });
    expect(reply).toMatchObject({ conversationId: id, replyTo: items[0].id });
  });

  test('T3 comes in with consent only: nobody is brought into a trade group', async () => {
    const id = await under.tradeGroup('own', 'm1');
    await under.befriend('own', 'friend');
    const bring = { members: ['friend'] };
    for (const userId of ['own', 'm1']) {
      const said = await under.refusal(userId, 'POST', `/v1/groups/${id}/members`, bring);
      expect(said).toEqual(notFound);
    }
    const out = { members: ['m1'] };
    expect(await under.refusal('own', 'DELETE', `/v1/groups/${id}/members`, out)).toEqual(notFound);
    expect(await under.membersOf('own', id)).toEqual(['m1', 'own']);
  });

  test('T3 red packets can be shared with a trade group as with any other', async () => {
    const id = await under.tradeGroup('giver', 'taker');
    const reached = await under.social.audienceOf('giver', { kind: 'group', groupId: id });
    expect(reached).toMatchObject({ code: 'found', count: 2 });
  });
});

describe('leaving', () => {
  test('members leave by themselves, the owner removes; who is gone sees nothing any more', async () => {
    const id = await under.tradeGroup('l0', 'l1', 'l2', 'l3');
    const path = `/v1/trade-groups/${id}/members`;
    expect(await under.refusal('eve', 'DELETE', path, { members: ['l1'] })).toEqual(notFound);
    const others = await under.refusal('l1', 'DELETE', path, { members: ['l1', 'l2'] });
    expect(others).toEqual([403, 'not_owner']);
    const left = await under.done('l1', 'DELETE', path, { members: ['l1'] });
    expect(left).toEqual({ id, memberCount: 3 });
    const removed = await under.done('l0', 'DELETE', path, { members: ['l2', 'l1', 'nobody'] });
    expect(removed).toEqual({ id, memberCount: 2 });
    for (const former of ['l1', 'l2']) {
      for (const end of ['', '/messages', '/settings']) {
        expect(await under.refusal(former, 'GET', `/v1/trade-groups/${id}${end}`)).toEqual(
          notFound,
        );
      }
      const message = { to: { groupId: id }, text: 'still here' };
      expect(await under.refusal(former, 'POST', '/v1/messages', message)).toEqual(notFound);
    }
    expect(await under.membersOf('l3', id)).toEqual(['l0', 'l3']);
  });

  test('an owner who leaves hands over, and takes invitations and requests along', async () => {
    const id = await under.tradeGroup('h0', 'h1', 'h2');
    await under.befriend('h0', 'invited', 'asking');
    await under.listen('invited', 'asking');
    const invitation = await under.invite('h0', id, 'invited');
    const asked = await under.done('asking', 'POST', `/v1/trade-groups/${id}/join-requests`);
    const leave = { members: ['h0'] };
    await under.done('h0', 'DELETE', `/v1/trade-groups/${id}/members`, leave);
    expect((await under.done('h1', 'GET', `/v1/trade-groups/${id}`)).ownerId).toBe('h1');
    const accept = await under.refusal('invited', 'POST', `/v1/invitations/${invitation}/accept`);
    expect(accept).toEqual([409, 'invitation_ended']);
    expect((await under.done('invited', 'GET', '/v1/invitations')).items).toEqual([]);
    const path = `/v1/trade-groups/${id}/join-requests`;
    expect((await under.done('h1', 'GET', path)).items).toEqual([]);
    const approve = await under.refusal('h1', 'POST', `${path}/${asked.id}/approve`);
    expect(approve).toEqual([409, 'join_request_ended']);
    const end = new Date(under.clock.now).toISOString();
    const last = async (userId: string) => (await under.pushed(userId)).at(-1);
    const withdrawn = { groupId: id, status: 'withdrawn', endedAt: end };
    expect(await last('invited')).toEqual([
      'invitation.updated',
      expect.objectContaining(withdrawn),
    ]);
    expect(await last('asking')).toEqual([
      'join_request.updated',
      expect.objectContaining({ ...withdrawn, id: asked.id }),
    ]);
    // The new owner invites its own contacts, the same person too.
    await under.befriend('h1', 'invited');
    const anew = await under.invite('h1', id, 'invited');
    expect(anew).not.toBe(invitation);
    await under.done('invited', 'POST', `/v1/invitations/${anew}/accept`);
    expect(await under.membersOf('h1', id)).toEqual(['h1', 'h2', 'invited']);
  });
});

test('a full group takes nobody in: neither by invitation nor by request', async () => {
  const id = await under.tradeGroup('host', 'guest');
  await under.befriend('host', 'late', 'wants');
  const invitation = await under.invite('host', id, 'late');
  const { id: asked } = await under.done('wants', 'POST', `/v1/trade-groups/${id}/join-requests`);
  await under.pool.query(
    `INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
     SELECT $1::bigint, 'crowd' || n, 0, 0, 0 FROM generate_series(3, $2::int) AS n`,
    [id, groupMembersMax],
  );
  await under.pool.query('UPDATE conversation SET members = $2 WHERE id = $1', [
    id,
    groupMembersMax,
  ]);
  const full = [422, 'group_full'];
  const path = `/v1/trade-groups/${id}`;
  expect(await under.refusal('late', 'POST', `/v1/invitations/${invitation}/accept`)).toEqual(full);
  expect(await under.refusal('late', 'POST', `${path}/join-requests`)).toEqual(full);
  const approve = `${path}/join-requests/${asked}/approve`;
  expect(await under.refusal('host', 'POST', approve)).toEqual(full);
  const invite = { userIds: ['wants'] };
  expect(await under.refusal('host', 'POST', `${path}/invitations`, invite)).toEqual(full);
  // All of them are open still, and come in when there is room.
  const gone = { members: ['crowd3', 'crowd4'] };
  await under.done('host', 'DELETE', `${path}/members`, gone);
  await under.done('late', 'POST', `/v1/invitations/${invitation}/accept`);
  await under.done('host', 'POST', approve);
  expect((await under.done('wants', 'GET', path)).memberCount).toBe(groupMembersMax);
});
