/** The prompt beside a group's owner in contact lists, and what triggering it leads to. (T4) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promptsMax } from '../../engine/limits.ts';
import { fieldsOf } from '../gateway/harness.ts';
import { type TradeGroupsUnderTest, tradeGroupsUnderTest } from './trade-group-support.ts';

let under: TradeGroupsUnderTest;
beforeAll(async () => {
  under = await tradeGroupsUnderTest();
});
afterAll(() => under.close());

const notFound = [404, 'group_not_found'];
const now = () => new Date(under.clock.now).toISOString();
const ask = (userId: string, id: string) =>
  under.ask(userId, 'POST', `/v1/trade-groups/${id}/join-requests`);
const answer = (userId: string, id: string, request: string, word: 'approve' | 'decline') =>
  under.refusal(userId, 'POST', `/v1/trade-groups/${id}/join-requests/${request}/${word}`);
const promptsOf = async (userId: string) => {
  const contacts = await under.all(userId, '/v1/contacts');
  return new Map(contacts.map((contact) => [contact.userId, contact.tradeGroups]));
};

describe('T4: the prompt', () => {
  test('T4 stands beside the creator in the lists of contacts, members or not', async () => {
    const first = await under.tradeGroup('linking', 'joy');
    const second = await under.tradeGroup('linking', 'joy');
    await under.befriend('linking', 'kim');
    await under.befriend('joy', 'kim');
    await under.group('linking', 'kim');
    const both = (first_: boolean, second_: boolean) => [
      { id: second, name: 'trades', member: second_ },
      { id: first, name: 'trades', member: first_ },
    ];
    const leave = { members: ['joy'] };
    expect((await promptsOf('joy')).get('linking')).toEqual(both(true, true));
    await under.done('joy', 'DELETE', `/v1/trade-groups/${second}/members`, leave);
    expect((await promptsOf('joy')).get('linking')).toEqual(both(true, false));
    const kims = await promptsOf('kim');
    expect(kims.get('linking')).toEqual(both(false, false));
    // A member's contacts see no prompt beside the member, nor the owner beside anybody.
    expect(kims.get('joy')).toEqual([]);
    expect([...(await promptsOf('linking')).values()]).toEqual([[], []]);
    for (const { member, id } of kims.get('linking')) {
      expect(await under.refusal('kim', 'GET', `/v1/trade-groups/${id}`)).toEqual(notFound);
      expect(member).toBe(false);
    }
  });

  test('T4 is shown to accepted contacts only, and never of a group that everybody has left', async () => {
    const id = await under.tradeGroup('lee', 'mia');
    await under.done('nat', 'POST', '/v1/contacts', { userId: 'lee' });
    expect((await promptsOf('nat')).get('lee')).toBeUndefined();
    expect((await ask('nat', id)).json.code).toBe('group_not_found');
    await under.done('lee', 'POST', '/v1/contacts/nat/accept');
    expect((await promptsOf('nat')).get('lee')).toEqual([{ id, name: 'trades', member: false }]);
    await under.done('mia', 'PUT', '/v1/contacts/lee/block');
    expect((await promptsOf('mia')).get('lee')).toBeUndefined();
    const leave = (userId: string) =>
      under.done(userId, 'DELETE', `/v1/trade-groups/${id}/members`, { members: [userId] });
    await leave('mia');
    await leave('lee');
    expect((await promptsOf('nat')).get('lee')).toEqual([]);
    expect((await ask('nat', id)).json.code).toBe('group_not_found');
  });

  test('T4 leads to the newest groups of an owner, page by page of contacts', async () => {
    await under.befriend('fan', 'a-busy', 'b-busy', 'c-quiet');
    const made = async (owner: string, n: number) => {
      await under.pool.query(
        `WITH made AS (
           INSERT INTO conversation (kind, name, owner, members, created_at, last_at)
           SELECT 3, 'g' || n, $1, 1, 0, 0 FROM generate_series(1, $2::int) AS n RETURNING id)
         INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
         SELECT id, $1, 0, 0, 0 FROM made`,
        [owner, n],
      );
    };
    await made('a-busy', promptsMax + 3);
    await made('b-busy', 2);
    const pages = await under.all('fan', '/v1/contacts', 1);
    expect(pages.map(({ tradeGroups }) => tradeGroups.length)).toEqual([promptsMax, 2, 0]);
    const names = pages[0].tradeGroups.map(({ name }: { name: string }) => name);
    expect(names[0]).toBe(`g${promptsMax + 3}`);
    expect(names.at(-1)).toBe('g4');
  });
});

describe('T4: a request to be let in', () => {
  test('T4 is told to the owner and approved: the one who asked is in, and is told', async () => {
    const id = await under.tradeGroup('own', 'member');
    await under.befriend('own', 'joy');
    await under.listen('own', 'joy');
    const asked = await ask('joy', id);
    expect([asked.status, asked.json]).toEqual([
      201,
      {
        id: asked.json.id,
        groupId: id,
        groupName: 'trades',
        userId: 'joy',
        status: 'open',
        createdAt: now(),
      },
    ]);
    expect((await ask('joy', id)).json).toEqual(asked.json);
    expect(await under.pushed('own')).toEqual([['join_request.created', asked.json]]);
    const path = `/v1/trade-groups/${id}/join-requests`;
    expect((await under.done('own', 'GET', path)).items).toEqual([asked.json]);
    under.clock.now += 60_000;
    const approved = await under.done('own', 'POST', `${path}/${asked.json.id}/approve`);
    expect(approved).toEqual({ ...asked.json, status: 'approved', endedAt: now() });
    expect(await under.done('own', 'POST', `${path}/${asked.json.id}/approve`)).toEqual(approved);
    expect(await under.pushed('joy')).toEqual([['join_request.updated', approved]]);
    expect(await under.membersOf('joy', id)).toEqual(['joy', 'member', 'own']);
    expect((await under.done('own', 'GET', path)).items).toEqual([]);
    expect(await answer('own', id, asked.json.id, 'decline')).toEqual([409, 'join_request_ended']);
    const again = await ask('joy', id);
    expect([again.status, again.json.code]).toEqual([409, 'already_member']);
  });

  test('T4 declined is final, and may be made anew', async () => {
    const id = await under.tradeGroup('o2', 'm2');
    await under.befriend('o2', 'j2');
    await under.listen('j2');
    const first = (await ask('j2', id)).json.id;
    expect(await answer('o2', id, first, 'decline')).toEqual([200, undefined]);
    expect(await answer('o2', id, first, 'decline')).toEqual([200, undefined]);
    expect(await answer('o2', id, first, 'approve')).toEqual([409, 'join_request_ended']);
    const told = await under.pushed('j2');
    expect(told.map(([type, data]) => [type, data['status']])).toEqual([
      ['join_request.updated', 'declined'],
    ]);
    expect(await under.refusal('j2', 'GET', `/v1/trade-groups/${id}`)).toEqual(notFound);
    const anew = (await ask('j2', id)).json;
    expect([anew.status, anew.id === first]).toEqual(['open', false]);
  });

  test('T4 is for contacts of the owner alone, answered by the owner alone', async () => {
    const id = await under.tradeGroup('o3', 'm3');
    const other = await under.tradeGroup('o3b', 'm3');
    await under.befriend('o3', 'j3');
    await under.befriend('m3', 'f3');
    for (const userId of ['f3', 'eve']) {
      expect([(await ask(userId, id)).status, (await ask(userId, id)).json.code]).toEqual(notFound);
    }
    expect((await ask('j3', '999999999')).json.code).toBe('group_not_found');
    expect((await ask('o3', id)).json.code).toBe('already_member');
    const request = (await ask('j3', id)).json.id;
    const path = `/v1/trade-groups/${id}/join-requests`;
    expect(await under.refusal('m3', 'GET', path)).toEqual([403, 'not_owner']);
    expect(await under.refusal('j3', 'GET', path)).toEqual(notFound);
    for (const word of ['approve', 'decline'] as const) {
      expect(await answer('m3', id, request, word)).toEqual([403, 'not_owner']);
      expect(await answer('j3', id, request, word)).toEqual(notFound);
      // Under another group it is no request.
      const elsewhere = await answer('o3b', other, request, word);
      expect(elsewhere).toEqual([404, 'join_request_not_found']);
    }
    expect(await answer('o3', id, '999999999', 'approve')).toEqual([404, 'join_request_not_found']);
    expect(await answer('o3', id, request, 'approve')).toEqual([200, undefined]);
  });

  test('T4 of somebody who is no contact any more is not shown, and cannot be approved', async () => {
    const id = await under.tradeGroup('o4', 'm4');
    await under.befriend('o4', 'j4');
    const request = (await ask('j4', id)).json.id;
    await under.done('o4', 'PUT', '/v1/contacts/j4/block');
    const path = `/v1/trade-groups/${id}/join-requests`;
    expect((await under.done('o4', 'GET', path)).items).toEqual([]);
    expect(await answer('o4', id, request, 'approve')).toEqual([409, 'join_request_ended']);
    expect((await ask('j4', id)).json.code).toBe('group_not_found');
    expect(await under.membersOf('o4', id)).toEqual(['m4', 'o4']);
  });

  test('T4 of somebody who was invited joins at once', async () => {
    const id = await under.tradeGroup('o5', 'm5');
    await under.befriend('o5', 'j5');
    await under.listen('o5');
    const invitation = await under.invite('o5', id, 'j5');
    const asked = await ask('j5', id);
    expect([asked.status, asked.json.status, asked.json.endedAt]).toEqual([201, 'approved', now()]);
    expect(await under.membersOf('j5', id)).toEqual(['j5', 'm5', 'o5']);
    const accepted = { id: invitation, inviteeId: 'j5', status: 'accepted' };
    expect(await under.pushed('o5')).toEqual([
      ['invitation.updated', expect.objectContaining(accepted)],
    ]);
    const repeated = await under.refusal('j5', 'POST', `/v1/invitations/${invitation}/accept`);
    expect(repeated).toEqual([200, undefined]);
  });

  test('T4 requests page, newest first', async () => {
    const id = await under.tradeGroup('o6', 'm6');
    const made: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      await under.befriend('o6', `q${i}`);
      made.unshift((await ask(`q${i}`, id)).json.id);
    }
    const path = `/v1/trade-groups/${id}/join-requests`;
    expect((await under.all('o6', path, 2)).map((one) => one.id)).toEqual(made);
    const bad = await under.ask('o6', 'GET', `${path}?cursor=abc`);
    expect([bad.status, fieldsOf(bad)]).toEqual([400, ['cursor']]);
  });
});
