/**
 * Figure 6 of the document over HTTP alone, once for each channel: a batch is funded, generated, shown through the
 * channel, claimed and opened; strangers are refused; every push comes in order, once, although the server is killed in
 * the middle. (E3–E15, ¶92–147)
 */
import { afterEach, expect, test } from 'vitest';
import { StreamReader } from '../setup/stream-reader.ts';
import { SharingWorld, known, type Json, type Shared } from './share-support.ts';

let world: SharingWorld;
let readers: Map<string, StreamReader>;
afterEach(async () => {
  for (const reader of readers.values()) await reader.stop();
  await world.close();
});

const receivers = ['bob', 'cat', 'dan'] as const;
const each = 7;

interface Channel {
  readonly name: string;
  readonly body: (groupId: string) => object;
  /** Where a receiver finds the link. */
  readonly find: (userId: string, batch: Shared, groupId: string) => Promise<string>;
  /** How many message pushes each receiver and the sender get. */
  readonly messages: { readonly receiver: number; readonly sender: number };
  /** The code for somebody whom the link reached by accident; undefined where anybody may claim who has it. */
  readonly stranger: string | undefined;
}

const inPost = (place: 'feed' | 'microblog') => async (userId: string, batch: Shared) => {
  const posts = await world.posts(userId, place);
  const post = posts.find(({ link }: Json) => link?.batchId === batch.id) as Json;
  return String(post.link.url);
};

const channels: readonly Channel[] = [
  {
    name: 'im',
    body: () => ({ channel: 'im', to: receivers }),
    find: async (userId) => String((await world.newestMessage(userId, 'ann')).link.url),
    messages: { receiver: 1, sender: receivers.length },
    stranger: 'not_in_audience',
  },
  {
    name: 'group',
    body: (groupId) => ({ channel: 'group', groupId }),
    find: async (userId, _, groupId) =>
      String((await world.newestMessage(userId, groupId)).link.url),
    messages: { receiver: 1, sender: 1 },
    stranger: 'not_in_audience',
  },
  {
    name: 'feed',
    body: () => ({ channel: 'feed', visibleTo: 'friends' }),
    find: inPost('feed'),
    messages: { receiver: 0, sender: 0 },
    stranger: 'not_in_audience',
  },
  {
    name: 'microblog',
    body: () => ({ channel: 'microblog', visibleTo: 'public', anyone: true }),
    find: inPost('microblog'),
    messages: { receiver: 0, sender: 0 },
    stranger: undefined,
  },
  {
    name: 'qr',
    body: () => ({ channel: 'qr', anyone: true }),
    // Decoding the picture has a test of its own (share-channels); the sender's page shows what it encodes.
    find: (_, batch) => Promise.resolve(batch.link),
    messages: { receiver: 0, sender: 0 },
    stranger: undefined,
  },
];

async function listen(...userIds: string[]): Promise<void> {
  for (const userId of userIds) {
    const answer = await fetch(`${world.server.url}/v1/dev/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId }),
    });
    const { token } = (await answer.json()) as { token: string };
    const reader = new StreamReader(world.server.url, token);
    readers.set(userId, reader);
    await reader.opened();
  }
}

const pushesOf = (userId: string) => readers.get(userId)?.pushes ?? [];
const typesOf = (userId: string) => pushesOf(userId).map(({ type }) => type);

/** Claims without opening; repeated until somebody knows what became of it. */
async function claim(userId: string, link: string): Promise<Json> {
  const key = new URL(link).searchParams.get('k');
  const path = `/v1/batches/${new URL(link).pathname.split('/').at(-1)}/claims`;
  return known(() => world.post(userId, path, { key }));
}

test.each(channels)('through $name', { timeout: 120_000 }, async (channel) => {
  world = await SharingWorld.start();
  readers = new Map();
  const groupId = await world.group('ann', ...receivers);
  await listen('ann', ...receivers, 'eve');

  // Generate: the sender funds and confirms, and is told (E3–E5). Then the link is shown (E7) and associated (E8).
  const batch = await world.batch('ann', { count: receivers.length, each });
  const said = await world.share('ann', batch, channel.body(groupId));
  expect([channel.name, said.status, said.body]).toMatchObject([channel.name, 201, {}]);

  // The first receiver gets the link (E10), claims and opens (E11–E13).
  const [first, ...others] = receivers;
  const links = new Map<string, string>();
  for (const userId of receivers) links.set(userId, await channel.find(userId, batch, groupId));
  expect(new Set(links.values())).toEqual(new Set([batch.link]));
  expect((await claim(first, batch.link)).status).toBe(201);
  if (channel.stranger !== undefined) {
    const refused = await claim('eve', batch.link);
    expect([refused.status, refused.body.code]).toEqual([403, channel.stranger]);
  }
  const noKey = await known(() => world.post('eve', `/v1/batches/${batch.id}/claims`, {}));
  expect(noKey.status).toBe(403);
  const page = await world.get('ann', `/v1/batches/${batch.id}`);
  expect(page).toMatchObject({ status: 'active', claimed: 1, opened: 0, remaining: 2 });

  await world.server.end('SIGKILL');
  await world.restart();

  const openPath = `/v1/batches/${batch.id}/open`;
  expect((await known(() => world.post(first, openPath, {}))).body['amount']).toBe(each);
  for (const userId of others) {
    const link = links.get(userId) ?? '';
    expect(await world.claim(userId, link)).toEqual([201, each]);
  }
  const late = await claim(channel.stranger === undefined ? 'eve' : 'ann', batch.link);
  expect([403, 410]).toContain(late.status);

  // Sender and receivers see what became of it (E14, E15).
  const claims = await world.get('ann', `/v1/batches/${batch.id}/claims`);
  expect(claims.items.map(({ receiverId }: Json) => receiverId)).toEqual(receivers);
  expect(claims.items.filter(({ best }: Json) => best === true)).toMatchObject([
    { receiverId: first, amount: each },
  ]);
  const after = await world.get('ann', `/v1/batches/${batch.id}`);
  expect(after).toMatchObject({ status: 'exhausted', remaining: 0, openedAmount: 3 * each });
  for (const userId of receivers) {
    const { items } = await world.get(userId, '/v1/accounts');
    expect(items).toMatchObject([{ asset: 'CNY', balance: each }]);
  }

  // Pushes: each once, in order, numbered without a gap, although the server died (E5, E12).
  const own = ['packet.claimed', 'packet.opened'];
  const message = (count: number) => Array.from({ length: count }, () => 'message.created');
  const toSender = [
    'batch.generated',
    ...message(channel.messages.sender),
    'packet.claimed',
    'packet.opened',
    ...others.flatMap((_, i) => [
      'packet.claimed',
      'packet.opened',
      ...(i === others.length - 1 ? ['batch.exhausted'] : []),
    ]),
  ];
  await expect.poll(() => typesOf('ann').length, { timeout: 20_000 }).toBe(toSender.length);
  for (const userId of receivers) {
    const expected = [...message(channel.messages.receiver), ...own];
    await expect.poll(() => typesOf(userId), { timeout: 20_000 }).toEqual(expected);
    expect(pushesOf(userId).at(-1)?.data).toMatchObject({ batchId: batch.id, amount: each });
  }
  expect(typesOf('ann').toSorted()).toEqual(toSender.toSorted());
  expect(typesOf('ann').at(0)).toBe('batch.generated');
  expect(typesOf('ann').at(-1)).toMatch(/batch.exhausted|packet.opened/);
  expect(typesOf('eve')).toEqual([]);
  for (const userId of readers.keys()) {
    const numbers = pushesOf(userId).map(({ id }) => Number(id));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  }
  const opened = pushesOf('ann').filter(({ type }) => type === 'packet.opened');
  expect(opened.map(({ data }) => data.receiverId)).toEqual(receivers);
});
