/** Messages pushed to those who may see them and listen, as the conversation's page shows them. (E10, E12) */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shownMessage } from '../../gateway/routes/conversations.ts';
import { pushUnderTest, type PushUnderTest } from './push-support.ts';

let under: PushUnderTest;
beforeEach(async () => {
  under = await pushUnderTest();
});
afterEach(() => under.close());

test('a group of 5,000 with three listeners costs three rows', async () => {
  const members = Array.from({ length: 5_000 }, (_, i) => `member-${i}`);
  const groupId = await under.group(...members);
  const listeners = ['member-0', 'member-77', 'member-4999'];
  await Promise.all(['outsider', ...listeners].map((userId) => under.pushes.listen(userId)));
  const [message] = await under.say({ senderId: 'member-0', to: { groupId }, text: 'hello' });
  const expected = {
    no: 1,
    type: 'message.created',
    data: {
      id: message?.id,
      conversationId: groupId,
      senderId: 'member-0',
      kind: 'text',
      text: 'hello',
      createdAt: new Date(under.clock.now).toISOString(),
    },
  };
  for (const userId of listeners) expect(await under.all(userId)).toEqual([expected]);
  const { rows } = await under.pool.query('SELECT count(*)::int AS n FROM push');
  expect(rows).toEqual([{ n: 3 }]);
});

test('links and replies come with a message; a refused one pushes nothing', async () => {
  const groupId = await under.group('ann', 'bob');
  await under.pushes.listen('bob');
  const to = { groupId };
  const link = { batchId: '9223372036854775807', url: 'https://example.org/r/1?k=key' };
  const [first, second] = await under.say(
    { senderId: 'ann', to, text: 'a "packet"\n\\', link },
    { senderId: 'ann', to, text: 'take it' },
  );
  await under.say({ senderId: 'bob', to, text: 'thanks', replyTo: first?.id });
  const pushes = await under.all('bob');
  expect(
    pushes.map(({ data }) => [data.id, data.kind, data.text, data.link, data.replyTo]),
  ).toEqual([
    [first?.id, 'batch', 'a "packet"\n\\', link, undefined],
    [second?.id, 'text', 'take it', undefined, undefined],
    [`${groupId}-3`, 'text', 'thanks', undefined, first?.id],
  ]);
  const page = await under.social.messages(groupId, 'bob', { cursor: undefined, limit: 10 });
  const shown = page.code === 'page' ? page.items.toReversed().map(shownMessage) : [];
  expect(pushes.map(({ data }) => data)).toEqual(JSON.parse(JSON.stringify(shown)));
  const refused = under.say(
    { senderId: 'bob', to, text: 'one' },
    { senderId: 'bob', to, text: 'two', replyTo: `${groupId}-99` },
  );
  await expect(refused).rejects.toThrow('message_not_found');
  expect(await under.all('bob')).toEqual(pushes);
});

test('who comes in later is told of what comes later', async () => {
  const groupId = await under.group('ann', 'bob');
  await under.pushes.listen('cid');
  await under.say({ senderId: 'ann', to: { groupId }, text: 'before' });
  await under.pool.query(
    'INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at) VALUES ($1, $2, 1, 1, 0)',
    [groupId, 'cid'],
  );
  await under.say({ senderId: 'ann', to: { groupId }, text: 'after' });
  expect((await under.all('cid')).map(({ data }) => data.text)).toEqual(['after']);
});
