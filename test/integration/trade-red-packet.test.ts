/** A red packet shared with a trade group, over HTTP against a real server: its members claim, nobody else does. (T3, E7) */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SharingWorld } from './share-support.ts';

let world: SharingWorld;
beforeAll(async () => {
  world = await SharingWorld.start();
});
afterAll(() => world.close());

const refused = [403, 'not_in_audience'];

test('T3, E7: members of the trade group claim and open; the invited, the late, the gone and strangers do not', async () => {
  await world.befriend('owner', 'tom', 'joy', 'late', 'gone', 'invited');
  const invite = ['tom', 'joy', 'late', 'gone', 'invited'];
  const made = await world.post('owner', '/v1/trade-groups', { name: 'trades', invite });
  expect(made.status).toBe(201);
  const groupId = made.body['id'] as string;
  const invitations = made.body['invitations'] as { id: string; inviteeId: string }[];
  const accept = async (userId: string) => {
    const id = invitations.find(({ inviteeId }) => inviteeId === userId)?.id;
    expect((await world.post(userId, `/v1/invitations/${id}/accept`)).status).toBe(200);
  };
  for (const userId of ['tom', 'joy', 'gone']) await accept(userId);
  const members = `/v1/trade-groups/${groupId}/members`;
  const left = await (await world.as('gone')).call('DELETE', members, { members: ['gone'] });
  expect(left.status).toBe(200);

  // A member shares it, not the group's owner.
  const batch = await world.batch('tom');
  const { status, body } = await world.share('tom', batch, { channel: 'group', groupId });
  expect([status, body['receivers']]).toEqual([201, 3]);
  await accept('late');

  const messages = await world.get('joy', `/v1/trade-groups/${groupId}/messages`);
  expect(messages.items[0]).toMatchObject({
    id: body['messageId'],
    senderId: 'tom',
    kind: 'batch',
    link: { batchId: batch.id, url: batch.link },
  });
  for (const userId of ['owner', 'joy', 'tom']) {
    expect([userId, await world.claim(userId, batch.link)]).toEqual([userId, [201, 7]]);
  }
  for (const userId of ['invited', 'late', 'gone', 'stranger']) {
    expect([userId, await world.claim(userId, batch.link)]).toEqual([userId, refused]);
  }
});

test('T3, E7: who is not in the trade group cannot share there', async () => {
  await world.befriend('own', 'friend');
  const body = { name: 'trades', invite: ['friend'] };
  const made = await world.post('own', '/v1/trade-groups', body);
  const batch = await world.batch('friend');
  const to = { channel: 'group', groupId: made.body['id'] };
  const said = await world.share('friend', batch, to);
  expect([said.status, said.body['code']]).toEqual([404, 'group_not_found']);
  expect(await world.claim('own', batch.link)).toEqual(refused);
});
