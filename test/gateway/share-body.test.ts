/** Which bodies a share takes: wrong fields and combinations are refused by name, before anything is asked. (E7) */
import { expect, test } from 'vitest';
import { fieldsOf, harness } from './harness.ts';

const { ask, world } = harness();
const many = (length: number) => Array.from({ length }, (_, i) => `u${i}`);

test.each([
  [{}, ['channel']],
  [{ channel: 'fax', to: ['a'] }, ['channel']],
  [{ channel: 'im' }, ['to']],
  [{ channel: 'im', to: [] }, ['to']],
  [{ channel: 'im', to: 'bob' }, ['to']],
  [{ channel: 'im', to: ['ok', 'not ok', 7] }, ['to[1]', 'to[2]']],
  [{ channel: 'im', to: many(201) }, ['to']],
  [{ channel: 'im', to: ['a'], visibleTo: 'friends' }, ['visibleTo']],
  [{ channel: 'im', to: ['a'], anyone: true, groupId: '1' }, ['anyone', 'groupId']],
  [{ channel: 'im', to: ['a'], text: ' ', extra: 1 }, ['extra', 'text']],
  [{ channel: 'group' }, ['groupId']],
  [{ channel: 'group', groupId: 'x', to: ['a'] }, ['groupId', 'to']],
  [{ channel: 'group', groupId: '1', anyone: true }, ['anyone']],
  [{ channel: 'feed', visibleTo: 'public' }, ['visibleTo']],
  [{ channel: 'feed', visibleTo: [] }, ['visibleTo']],
  [{ channel: 'feed', visibleTo: ['a', ''] }, ['visibleTo[1]']],
  [{ channel: 'feed', anyone: true }, ['anyone']],
  [{ channel: 'feed', to: ['a'], groupId: '1' }, ['groupId', 'to']],
  [{ channel: 'microblog', visibleTo: 'public' }, ['anyone']],
  [{ channel: 'microblog', visibleTo: 'friends', anyone: true }, ['visibleTo']],
  [{ channel: 'microblog', visibleTo: ['a'], anyone: true }, ['visibleTo']],
  [{ channel: 'microblog', visibleTo: 'all' }, ['visibleTo']],
  [{ channel: 'microblog', anyone: false }, ['anyone']],
  [{ channel: 'qr' }, ['to']],
  [{ channel: 'qr', to: ['a'], anyone: true }, ['to']],
  [{ channel: 'qr', anyone: 'yes' }, ['anyone']],
  [{ channel: 'qr', anyone: true, text: 'hi' }, ['text']],
  [{ channel: 'im', to: ['a'], text: '🧧'.repeat(4_001) }, ['text']],
])('%j is refused', async (body, fields) => {
  const said = await ask('POST', '/v1/batches/1/share', { as: 'ann', body });
  expect([said.status, said.json.code, fieldsOf(said)]).toEqual([400, 'invalid_request', fields]);
  expect(world.audiences).toEqual([]);
});
