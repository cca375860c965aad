/** Invitations into trade-sharing groups: whom the owner may choose, what the invited answer, who is told. (T2) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { invitesMax } from '../../engine/limits.ts';
import { fieldsOf } from '../gateway/harness.ts';
import { type TradeGroupsUnderTest, tradeGroupsUnderTest } from './trade-group-support.ts';

let under: TradeGroupsUnderTest;
beforeAll(async () => {
  under = await tradeGroupsUnderTest();
});
afterAll(() => under.close());

const notFound = [404, 'group_not_found'];
const ended = [409, 'invitation_ended'];
const now = () => new Date(under.clock.now).toISOString();
const answer = (userId: string, id: string, word: 'accept' | 'decline') =>
  under.refusal(userId, 'POST', `/v1/invitations/${id}/${word}`);

describe('T2: the list to choose from', () => {
  test('T2 holds the accepted contacts who are not in the group, and who is invited', async () => {
    const id = await under.tradeGroup('ann', 'in');
    await under.befriend('ann', 'c1', 'c2', 'c3', 'gone');
    await under.done('c2', 'PUT', '/v1/me', { name: 'Carl' });
    await under.done('ann', 'POST', '/v1/contacts', { userId: 'unanswered' });
    await under.done('gone', 'DELETE', '/v1/contacts/ann');
    await under.invite('ann', id, 'c2');
    const path = `/v1/trade-groups/${id}/candidates`;
    const candidates = [
      { userId: 'c1', name: 'c1', invited: false },
      { userId: 'c2', name: 'Carl', invited: true },
      { userId: 'c3', name: 'c3', invited: false },
    ];
    expect((await under.done('ann', 'GET', path)).items).toEqual(candidates);
    expect(await under.all('ann', path, 1)).toEqual(candidates);
    expect(await under.refusal('in', 'GET', path)).toEqual([403, 'not_owner']);
    for (const outsider of ['c2', 'eve']) {
      expect(await under.refusal(outsider, 'GET', path)).toEqual(notFound);
    }
    const bad = await under.ask('ann', 'GET', `${path}?cursor=%21`);
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
  });
});

describe('T2: an invitation', () => {
  test('T2 during creation: the invited is told, accepts, and is in; the creator is told', async () => {
    await under.befriend('own', 'guest');
    await under.listen('own', 'guest');
    const made = await under.done('own', 'POST', '/v1/trade-groups', {
      name: 'g',
      invite: ['guest'],
    });
    const [invitation] = made.invitations;
    expect(await under.pushed('guest')).toEqual([['invitation.created', invitation]]);
    expect((await under.done('guest', 'GET', '/v1/invitations')).items).toEqual([invitation]);
    under.clock.now += 60_000;
    const accepted = await under.done('guest', 'POST', `/v1/invitations/${invitation.id}/accept`);
    expect(accepted).toEqual({ ...invitation, status: 'accepted', endedAt: now() });
    expect(await under.pushed('own')).toEqual([['invitation.updated', accepted]]);
    expect(await under.membersOf('guest', made.id)).toEqual(['guest', 'own']);
    expect((await under.done('guest', 'GET', '/v1/invitations')).items).toEqual([]);
    // Repeated: the same, and nobody is told again.
    const again = await under.done('guest', 'POST', `/v1/invitations/${invitation.id}/accept`);
    expect(again).toEqual(accepted);
    expect(await answer('guest', invitation.id, 'decline')).toEqual(ended);
    expect(await under.pushed('own')).toHaveLength(1);
  });

  test('T2 afterwards: again it is the same invitation, told once; who is in already is passed over', async () => {
    const id = await under.tradeGroup('o2', 'm2');
    await under.befriend('o2', 'g2', 'h2');
    await under.listen('g2');
    const path = `/v1/trade-groups/${id}/invitations`;
    const invite = async (...userIds: string[]) =>
      (await under.done('o2', 'POST', path, { userIds })).items;
    const [first] = await invite('g2');
    expect(await invite('g2', 'm2', 'o2')).toEqual([first]);
    expect(await invite('m2')).toEqual([]);
    const both = await invite('h2', 'g2');
    expect(both.map(({ inviteeId }: { inviteeId: string }) => inviteeId)).toEqual(['g2', 'h2']);
    expect(both[0]).toEqual(first);
    expect(await under.pushed('g2')).toEqual([['invitation.created', first]]);
  });

  test('T2 declined is told, final, and may come anew', async () => {
    const id = await under.tradeGroup('o3', 'm3');
    await under.befriend('o3', 'g3');
    const invitation = await under.invite('o3', id, 'g3');
    await under.listen('o3');
    const declined = await under.done('g3', 'POST', `/v1/invitations/${invitation}/decline`);
    expect(declined).toMatchObject({ status: 'declined', endedAt: now() });
    expect(await under.done('g3', 'POST', `/v1/invitations/${invitation}/decline`)).toEqual(
      declined,
    );
    expect(await under.pushed('o3')).toEqual([['invitation.updated', declined]]);
    expect(await answer('g3', invitation, 'accept')).toEqual(ended);
    expect(await under.membersOf('o3', id)).toEqual(['m3', 'o3']);
    const anew = await under.invite('o3', id, 'g3');
    expect(anew).not.toBe(invitation);
    expect(await answer('g3', anew, 'accept')).toEqual([200, undefined]);
  });

  test('T2 is made by the owner alone, for contacts, all or none', async () => {
    const id = await under.tradeGroup('o4', 'm4');
    await under.befriend('o4', 'g4');
    await under.befriend('m4', 'f4');
    const path = `/v1/trade-groups/${id}/invitations`;
    const invite = (userId: string, ...userIds: string[]) =>
      under.ask(userId, 'POST', path, { userIds });
    const byMember = await invite('m4', 'f4');
    expect([byMember.status, byMember.json.code]).toEqual([403, 'not_owner']);
    for (const outsider of ['g4', 'eve']) {
      const said = await invite(outsider, 'o4');
      expect([said.status, said.json.code]).toEqual(notFound);
    }
    const mixed = await invite('o4', 'g4', 'f4');
    expect([mixed.status, mixed.json.errors]).toEqual([
      403,
      [{ field: 'userIds', message: 'f4 is not a contact' }],
    ]);
    expect((await under.done('g4', 'GET', '/v1/invitations')).items).toEqual([]);
    const crowd = Array.from({ length: invitesMax + 1 }, (_, i) => `u${i}`);
    for (const userIds of [undefined, [], crowd]) {
      const said = await under.ask('o4', 'POST', path, { userIds });
      expect([said.status, fieldsOf(said)]).toEqual([400, ['userIds']]);
    }
  });

  test('T2 is answered by the invited alone', async () => {
    const id = await under.tradeGroup('o5', 'm5');
    await under.befriend('o5', 'g5');
    const invitation = await under.invite('o5', id, 'g5');
    for (const userId of ['o5', 'm5', 'eve']) {
      for (const word of ['accept', 'decline'] as const) {
        expect(await answer(userId, invitation, word)).toEqual([404, 'invitation_not_found']);
      }
    }
    for (const none of ['999999999', '0', 'x', '9'.repeat(30)]) {
      expect(await answer('g5', none, 'accept')).toEqual([404, 'invitation_not_found']);
    }
    expect(await answer('g5', invitation, 'accept')).toEqual([200, undefined]);
  });

  test.each([
    ['g6a', 'o6a', 'DELETE', ''],
    ['g6b', 'o6b', 'PUT', '/block'],
    ['o6c', 'g6c', 'DELETE', ''],
  ])(
    'T2 is worth nothing once %s is no friend of %s any more: %s%s',
    async (by, of, method, end) => {
      const [invited, owner] = by.startsWith('g') ? [by, of] : [of, by];
      const id = await under.tradeGroup(owner, 'm6');
      await under.befriend(owner, invited);
      const invitation = await under.invite(owner, id, invited);
      await under.done(by, method, `/v1/contacts/${of}${end}`);
      expect((await under.done(invited, 'GET', '/v1/invitations')).items).toEqual([]);
      expect(await answer(invited, invitation, 'accept')).toEqual(ended);
      expect(await under.membersOf(owner, id)).toEqual(['m6', owner]);
      // It can still be put away.
      expect(await answer(invited, invitation, 'decline')).toEqual([200, undefined]);
    },
  );

  test('T2 pages, newest first', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      const id = await under.tradeGroup(`p${i}`, 'm');
      await under.befriend(`p${i}`, 'popular');
      made.unshift(await under.invite(`p${i}`, id, 'popular'));
    }
    const seen = await under.all('popular', '/v1/invitations', 2);
    expect(seen.map(({ id }) => id)).toEqual(made);
    const bad = await under.ask('popular', 'GET', '/v1/invitations?cursor=abc');
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
  });

  test('T2 who had asked to be let in is in at once', async () => {
    const id = await under.tradeGroup('o7', 'm7');
    await under.befriend('o7', 'asks', 'other');
    await under.listen('asks', 'o7');
    const asked = await under.done('asks', 'POST', `/v1/trade-groups/${id}/join-requests`);
    const { items } = await under.done('o7', 'POST', `/v1/trade-groups/${id}/invitations`, {
      userIds: ['asks', 'other'],
    });
    const statuses = items.map((one: { inviteeId: string; status: string }) => [
      one.inviteeId,
      one.status,
    ]);
    expect(statuses.toSorted()).toEqual([
      ['asks', 'accepted'],
      ['other', 'open'],
    ]);
    const approved = { ...asked, status: 'approved', endedAt: now() };
    expect(await under.pushed('asks')).toEqual([['join_request.updated', approved]]);
    expect(await under.pushed('o7')).toEqual([['join_request.created', asked]]);
    expect(await under.membersOf('asks', id)).toEqual(['asks', 'm7', 'o7']);
    expect((await under.done('asks', 'GET', '/v1/invitations')).items).toEqual([]);
  });
});
