/**
 * Sharing through the five channels, over HTTP against a real server: whom the link reaches may claim and open with
 * it, everybody else is refused. (E7 ¶106–120, E8 ¶121–127, E10 ¶129–135)
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programOf } from '../setup/program.ts';
import { SharingWorld, type Shared } from './share-support.ts';

let world: SharingWorld;
beforeAll(async () => {
  world = await SharingWorld.start();
});
afterAll(() => world.close());

const refused = [403, 'not_in_audience'];
const linkOf = ({ id, link }: Shared) => ({ batchId: id, url: link });

describe('im', () => {
  test('each chosen contact gets the link, claims and opens; others do not', async () => {
    await world.befriend('ann', 'bob', 'cat', 'dan');
    const batch = await world.batch('ann');
    const { status, body } = await world.share('ann', batch, {
      channel: 'im',
      to: ['cat', 'bob', 'cat'],
    });
    expect([status, body['receivers']]).toEqual([201, 2]);
    const messageIds = body['messageIds'] as string[];
    expect(messageIds).toHaveLength(2);
    expect(body['messageId']).toBe(messageIds[0]);
    for (const [i, userId] of ['cat', 'bob'].entries()) {
      const message = await world.newestMessage(userId, 'ann');
      expect(message).toMatchObject({
        id: messageIds[i],
        senderId: 'ann',
        kind: 'batch',
        text: '恭喜发财',
        link: linkOf(batch),
      });
      expect(await world.claim(userId, message.link.url)).toEqual([201, 7]);
    }
    expect(await world.newestMessage('dan', 'ann')).toBeUndefined();
    for (const stranger of ['dan', 'eve', 'ann'])
      expect(await world.claim(stranger, batch.link)).toEqual(refused);
  });

  test('one contact, a text of its own: one message id', async () => {
    const batch = await world.batch('ann');
    const body = { channel: 'im', to: ['bob'], text: '<b>for you</b>' };
    const said = await world.share('ann', batch, body);
    expect(said.body).toEqual({ messageId: expect.any(String), receivers: 1 });
    const message = await world.newestMessage('bob', 'ann');
    expect(message).toMatchObject({ id: said.body['messageId'], text: '<b>for you</b>' });
  });

  test('a blocked contact gets nothing, nor does anybody else of that share', async () => {
    await world.befriend('abe', 'bea', 'blo');
    await (await world.as('blo')).call('PUT', '/v1/contacts/abe/block');
    const batch = await world.batch('abe');
    const said = await world.share('abe', batch, { channel: 'im', to: ['bea', 'blo'] });
    expect([said.status, said.body['code'], said.body['errors']]).toEqual([
      403,
      'not_contacts',
      [{ field: 'to', message: 'blo is not a contact' }],
    ]);
    expect(await world.newestMessage('bea', 'abe')).toBeUndefined();
    expect(await world.claim('bea', batch.link)).toEqual(refused);
    expect(await world.claim('blo', batch.link)).toEqual(refused);
  });

  test("somebody else's link, typed as text, is text", async () => {
    const batch = await world.batch('ann');
    await world.post('bob', '/v1/messages', { to: { userId: 'ann' }, text: batch.link });
    const message = await world.newestMessage('ann', 'bob');
    expect([message.kind, message.link]).toEqual(['text', undefined]);
    const own = { to: { userId: 'bob' }, text: 'hi', link: linkOf(batch) };
    expect((await world.post('ann', '/v1/messages', own)).status).toBe(400);
  });
});

test('group: every member, the sender too; who comes later sees nothing and may not claim', async () => {
  const id = await world.group('gil', 'mem1', 'mem2');
  const batch = await world.batch('gil');
  const said = await world.share('gil', batch, { channel: 'group', groupId: id });
  expect(said.body).toEqual({ messageId: `${id}-1`, receivers: 3 });
  await world.befriend('gil', 'late');
  await world.post('gil', `/v1/groups/${id}/members`, { members: ['late'] });
  for (const userId of ['mem1', 'mem2', 'gil']) {
    const message = await world.newestMessage(userId, id);
    expect(message.link).toEqual(linkOf(batch));
    expect(await world.claim(userId, message.link.url)).toEqual([201, 7]);
  }
  expect(await world.newestMessage('late', id)).toBeUndefined();
  expect(await world.claim('late', batch.link)).toEqual(refused);
  const other = await world.share('mem1', batch, { channel: 'group', groupId: id });
  expect([other.status, other.body['code']]).toEqual([403, 'not_sender']);
  const outside = await world.batch('zoe');
  const said2 = await world.share('zoe', outside, { channel: 'group', groupId: id });
  expect([said2.status, said2.body['code']]).toEqual([404, 'group_not_found']);
  expect(await world.claim('mem1', outside.link)).toEqual(refused);
});

describe.each(['feed', 'microblog'] as const)('%s', (channel) => {
  const name = (who: string) => `${channel}-${who}`;

  test('for friends: those of the moment see it and claim; blocked, later friends and strangers do not', async () => {
    const author = name('author');
    await world.befriend(author, name('f1'), name('f2'), name('blocker'));
    await (await world.as(name('blocker'))).call('PUT', `/v1/contacts/${author}/block`);
    const batch = await world.batch(author);
    const said = await world.share(author, batch, { channel });
    expect(said.body).toEqual({ postId: expect.any(String), receivers: 2 });
    const plain = await world.post(author, `/v1/${channel}`, { text: 'said to friends' });
    await world.befriend(author, name('later'));
    const seen = async (userId: string) =>
      (await world.posts(userId, channel)).map(({ id }) => id as string);
    const both = [plain.body['id'], said.body['postId']];
    expect(await seen(author)).toEqual(both);
    for (const userId of [name('f1'), name('f2')]) {
      const post = (await world.posts(userId, channel)).at(-1);
      expect(post).toMatchObject({
        id: said.body['postId'],
        kind: 'batch',
        visibility: 'friends',
        text: '恭喜发财',
        link: linkOf(batch),
      });
      expect(await world.claim(userId, post.link.url)).toEqual([201, 7]);
    }
    // The packets would refuse a later friend, so only the other post is shown.
    expect(await seen(name('later'))).toEqual([plain.body['id']]);
    expect(await world.claim(name('later'), batch.link)).toEqual(refused);
    for (const userId of [name('blocker'), name('stranger')]) {
      expect(await seen(userId)).toEqual([]);
      expect(await world.claim(userId, batch.link)).toEqual(refused);
    }
  });

  test('for chosen friends', async () => {
    const author = name('chooser');
    await world.befriend(author, name('c1'), name('c2'));
    const batch = await world.batch(author);
    const body = { channel, visibleTo: [name('c1')], text: 'only you' };
    const said = await world.share(author, batch, body);
    expect(said.body).toEqual({ postId: expect.any(String), receivers: 1 });
    const [post] = await world.posts(name('c1'), channel);
    expect(post).toMatchObject({ visibility: 'chosen', text: 'only you', link: linkOf(batch) });
    expect(await world.claim(name('c1'), post.link.url)).toEqual([201, 7]);
    expect(await world.posts(name('c2'), channel)).toEqual([]);
    expect(await world.claim(name('c2'), batch.link)).toEqual(refused);
    const more = await world.share(author, batch, { channel, visibleTo: [name('stranger')] });
    expect([more.status, more.body['code']]).toEqual([403, 'not_contacts']);
  });

  test('nobody is a friend: nobody sees it', async () => {
    const said = await world.share(name('lonely'), await world.batch(name('lonely')), { channel });
    expect([said.status, said.body['receivers']]).toEqual([201, 0]);
  });
});

test('microblog, public: everybody sees it, and anyone may claim with the key of its link', async () => {
  const batch = await world.batch('pub');
  const said = await world.share('pub', batch, { channel: 'microblog', anyone: true });
  expect(said.body).toEqual({ postId: expect.any(String), receivers: 0 });
  const [post] = await world.posts('passer-by', 'microblog');
  expect(post).toMatchObject({ visibility: 'public', link: linkOf(batch) });
  expect(await world.claim('passer-by', post.link.url)).toEqual([201, 7]);
  const keyless = new URL(batch.link);
  keyless.searchParams.set('k', 'no-such-key-at-all-00');
  expect(await world.claim('another', keyless.href)).toEqual([403, 'bad_key']);
  await (await world.as('pub')).call('PUT', '/v1/contacts/shunned/block');
  expect(await world.posts('shunned', 'microblog')).toEqual([]);
});

describe('qr', () => {
  /** What a scanner reads from the images that the sender was pointed to. */
  async function scanned(sender: string, qr: string): Promise<string[]> {
    const folder = await mkdtemp(join(tmpdir(), 'qr-'));
    const { token } = (await (
      await fetch(`${world.server.url}/v1/dev/tokens`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userId: sender }),
      })
    ).json()) as { token: string };
    const links: string[] = [];
    const zbarimg = await programOf('zbarimg', { 'apt-get': 'zbar-tools', brew: 'zbar' });
    try {
      for (const kind of ['svg', 'png']) {
        const headers = { authorization: `Bearer ${token}` };
        const image = await fetch(qr.replace(/svg$/, kind), { headers });
        const file = join(folder, `code.${kind}`);
        await writeFile(file, Buffer.from(await image.arrayBuffer()));
        const { stdout } = await promisify(execFile)(zbarimg, ['--quiet', '--raw', file]);
        links.push(stdout.trim());
      }
      return links;
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test('anyone who scans it claims with it', async () => {
    const batch = await world.batch('qra');
    const said = await world.share('qra', batch, { channel: 'qr', anyone: true });
    const qr = `${new URL(batch.link).origin}/v1/batches/${batch.id}/qr.svg`;
    expect(said.body).toEqual({ qr, receivers: 0 });
    const links = await scanned('qra', qr);
    expect(links).toEqual([batch.link, batch.link]);
    for (const [i, link] of links.entries())
      expect(await world.claim(`scanner${i}`, link)).toEqual([201, 7]);
    expect(await world.claim('typist', `${batch.link}x`)).toEqual([403, 'bad_key']);
  });

  test('named receivers claim, who need not be contacts; others do not', async () => {
    const batch = await world.batch('qrb');
    const said = await world.share('qrb', batch, { channel: 'qr', to: ['n1', 'n2'] });
    expect([said.status, said.body['receivers']]).toEqual([201, 2]);
    const [link] = await scanned('qrb', String(said.body['qr']));
    expect(await world.claim('n1', link as string)).toEqual([201, 7]);
    expect(await world.claim('n3', link as string)).toEqual(refused);
  });
});

test('the association is stored: the receivers of all channels add up', async () => {
  const id = await world.group('sum', 'sum1', 'sum2');
  const batch = await world.batch('sum');
  const count = async (body: object) => (await world.share('sum', batch, body)).body['receivers'];
  expect(await count({ channel: 'im', to: ['sum1'] })).toBe(1);
  expect(await count({ channel: 'feed' })).toBe(2);
  expect(await count({ channel: 'group', groupId: id })).toBe(3);
  expect(await count({ channel: 'qr', to: ['x', 'sum1'] })).toBe(4);
  expect(await count({ channel: 'qr', anyone: true })).toBe(4);
});
