/** Two nodes: a share is carried out by the one that holds the batch, whichever was asked, and exactly once. (E7, E8) */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { activeBatch, clientOf, startNodes, type TestServer } from '../setup/server.ts';
import { known } from './share-support.ts';

let database: TestDatabase;
let nodes: TestServer[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  const env = { DATABASE_URL: database.url, PUBLIC_URL: 'https://packets.example' };
  nodes = await startNodes(['a', 'b'], env);
});
afterAll(async () => {
  for (const node of nodes) await node.end('SIGTERM');
  await database.drop();
});

test('either node shares, and either takes the repeat', async () => {
  const urls = nodes.map(({ url }) => url) as [string, string];
  const senders = [await clientOf(urls[0], 'sender'), await clientOf(urls[1], 'sender')] as const;
  const friend = await clientOf(urls[1], 'friend');
  await senders[0].post('/v1/contacts', { userId: 'friend' });
  await friend.post('/v1/contacts/sender/accept');
  const made = await senders[0].post('/v1/groups', { name: 'g', members: ['friend'] });
  const bodies = [
    { channel: 'group', groupId: made.body['id'] },
    { channel: 'feed' },
    { channel: 'im', to: ['friend'] },
  ];
  const ids: string[] = [];
  // Batches of both nodes are among so many.
  for (let i = 0; i < 12; i += 1) {
    const batch = { mode: 'fixed', count: 2, each: 3 };
    const id = await activeBatch(urls[0], senders[0], 'sender', batch, []);
    ids.push(id);
    const body = bodies[i % bodies.length];
    const share = (node: 0 | 1) =>
      senders[node].post(`/v1/batches/${id}/share`, body, { 'idempotency-key': `k${i}` });
    const first = await share((i % 2) as 0 | 1);
    expect([first.status, first.body['code']]).toEqual([201, undefined]);
    const [one, other] = await Promise.all([known(() => share(0)), known(() => share(1))]);
    expect([one.body, other.body]).toEqual([first.body, first.body]);
    expect(one.headers.get('idempotency-replayed')).toBe('true');
    const claimed = await friend.post(`/v1/batches/${id}/claims?open=true`);
    expect([claimed.status, claimed.body['amount']]).toEqual([201, 3]);
  }
  const of = async (path: string): Promise<string[]> => {
    const { items } = (await friend.get(`${path}?limit=200`)).body as {
      items: { link: { batchId: string; url: string } }[];
    };
    for (const { link } of items)
      expect(link.url).toMatch(/^https:\/\/packets\.example\/r\/\d+\?k=/);
    return items.map(({ link }) => link.batchId);
  };
  const conversations = (await friend.get('/v1/conversations')).body as {
    items: { id: string; kind: string }[];
  };
  const direct = conversations.items.find(({ kind }) => kind === 'direct')?.id;
  const places = [
    await of(`/v1/conversations/${String(made.body['id'])}/messages`),
    await of('/v1/feed'),
    await of(`/v1/conversations/${direct}/messages`),
  ];
  for (const [place, seen] of places.entries())
    expect(seen).toEqual(ids.filter((_, i) => i % bodies.length === place).toReversed());
});

test('whoever was sent a packet may look at it at once, on either node', async () => {
  const urls = nodes.map(({ url }) => url) as [string, string];
  const senders = [await clientOf(urls[0], 'sends'), await clientOf(urls[1], 'sends')] as const;
  const readers = [await clientOf(urls[0], 'looks'), await clientOf(urls[1], 'looks')] as const;
  await senders[0].post('/v1/contacts', { userId: 'looks' });
  await readers[0].post('/v1/contacts/sends/accept');
  const seen: unknown[] = [];
  for (let i = 0; i < 16; i += 1) {
    const batch = { mode: 'fixed', count: 2, each: 3 };
    const id = await activeBatch(urls[0], senders[0], 'sends', batch, []);
    const to = { channel: 'im', to: ['looks'] };
    const shared = await known(() => senders[(i % 2) as 0 | 1].post(`/v1/batches/${id}/share`, to));
    const looks = readers.flatMap((reader) =>
      ['', '/claims'].map((page) => known(() => reader.get(`/v1/batches/${id}${page}`))),
    );
    seen.push(shared.status, ...(await Promise.all(looks)).map(({ status }) => status));
  }
  expect(seen).toEqual(Array(16).fill([201, 200, 200, 200, 200]).flat());
  const stranger = await clientOf(urls[1], 'stranger');
  const { items } = (await senders[0].get('/v1/me/sent')).body as { items: { batchId: string }[] };
  for (const { batchId } of items) {
    const said = await stranger.get(`/v1/batches/${batchId}`);
    expect([said.status, said.body['code']]).toEqual([403, 'forbidden']);
  }
});
