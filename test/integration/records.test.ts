/** Records over HTTP, held against the batch, its claims and the accounts; and who sees none of it. (E5, E9, E12) */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import {
  activeBatch,
  clientOf,
  startServer,
  type Client,
  type TestServer,
} from '../setup/server.ts';

let database: TestDatabase;
let server: TestServer;
beforeAll(async () => {
  database = await freshDatabase();
  server = await startServer({ DATABASE_URL: database.url, THREADS: '1' });
});
afterAll(async () => {
  await server.end('SIGTERM');
  await database.drop();
});

interface Item extends Record<string, unknown> {
  readonly packetId: string;
  readonly batchId: string;
  readonly receiverId: string;
  readonly amount: number;
  readonly openedAt: string;
}
const as = (userId: string): Promise<Client> => clientOf(server.url, userId);
const read = async (userId: string, path: string) => {
  const { status, body } = await (await as(userId)).get(path);
  expect([path, status]).toEqual([path, 200]);
  return body as { items: Item[]; totals: unknown; next?: string } & Record<string, unknown>;
};

test('a batch that is opened to the end: everybody reads the same', async () => {
  const receivers = ['ann', 'bob', 'cat'];
  const greeting = '新年快乐 🧧';
  const lucky = { mode: 'lucky', count: 3, total: 100, greeting };
  const id = await activeBatch(server.url, await as('sam'), 'sam', lucky, [...receivers, 'dan']);
  const amounts: Record<string, number> = {};
  for (const userId of receivers) {
    // Nobody has the best luck before the last packet is opened.
    expect((await read(userId, '/v1/me/received')).items).toEqual([]);
    expect((await read('sam', '/v1/me/sent')).items[0]).not.toHaveProperty('best');
    const claimed = await (await as(userId)).post(`/v1/batches/${id}/claims?open=true`);
    amounts[userId] = claimed.body['amount'] as number;
  }

  const { items: claims } = await read('dan', `/v1/batches/${id}/claims`);
  const largest = Math.max(...Object.values(amounts));
  const [best] = claims
    .filter(({ amount }) => amount === largest)
    .toSorted((a, b) => a.openedAt.localeCompare(b.openedAt));
  expect(claims.map(({ receiverId, amount }) => [receiverId, amount])).toEqual(
    receivers.map((userId) => [userId, amounts[userId]]),
  );
  expect(claims.filter((claim) => claim['best'] === true)).toEqual([best]);

  const page = await read('dan', `/v1/batches/${id}`);
  expect(page).toMatchObject({ status: 'exhausted', opened: 3, greeting, senderId: 'sam' });
  for (const hidden of ['total', 'openedAmount', 'refundedAmount']) {
    expect(page).not.toHaveProperty(hidden);
  }

  const sent = await read('sam', '/v1/me/sent');
  const { packetId, receiverId, amount } = best!;
  expect(sent.items).toMatchObject([
    {
      batchId: id,
      status: 'exhausted',
      count: 3,
      claimed: 3,
      opened: 3,
      total: 100,
      openedAmount: 100,
      refundedAmount: 0,
      greeting,
      best: { packetId, receiverId, amount },
    },
  ]);
  expect(sent.totals).toEqual([
    { asset: 'CNY', count: 1, amount: 100, openedAmount: 100, refundedAmount: 0 },
  ]);
  for (const userId of receivers) {
    const received = await read(userId, '/v1/me/received');
    const common = { batchId: id, batchStatus: 'exhausted', mode: 'lucky', senderId: 'sam' };
    expect(received.items).toMatchObject([
      { ...common, greeting, status: 'opened', amount: amounts[userId] },
    ]);
    expect(received.items[0]?.['best']).toBe(userId === receiverId ? true : undefined);
    expect(received.totals).toEqual([{ asset: 'CNY', count: 1, amount: amounts[userId] }]);
    const accounts = await read(userId, '/v1/accounts');
    expect(accounts.items).toMatchObject([{ asset: 'CNY', balance: amounts[userId] }]);
  }
  // Listed, but without a packet: nothing received.
  expect(await read('dan', '/v1/me/received')).toEqual({ items: [], totals: [] });
});

describe('a batch that expires', () => {
  test('tells the sender what came back, and who holds an unopened packet that it is gone', async () => {
    const sender = await as('eve');
    const fixed = { mode: 'fixed', count: 4, each: 7, asset: 'points', expiresIn: 1 };
    const id = await activeBatch(server.url, sender, 'eve', fixed, ['fay', 'gus']);
    await (await as('fay')).post(`/v1/batches/${id}/claims?open=true`);
    await (await as('gus')).post(`/v1/batches/${id}/claims`);
    for (let turn = 0; turn < 100; turn += 1) {
      if ((await read('eve', `/v1/batches/${id}`))['status'] === 'expired') break;
      await sleep(100);
    }
    const sent = await read('eve', '/v1/me/sent');
    expect(sent.items).toMatchObject([
      {
        status: 'expired',
        claimed: 2,
        opened: 1,
        openedAmount: 7,
        refundedAmount: 21,
        best: { packetId: `${id}-1`, receiverId: 'fay', amount: 7 },
      },
    ]);
    expect(sent.totals).toEqual([
      { asset: 'points', count: 1, amount: 28, openedAmount: 7, refundedAmount: 21 },
    ]);
    const gone = await read('gus', '/v1/me/received');
    expect(gone.items).toMatchObject([{ status: 'claimed', batchStatus: 'expired' }]);
    expect(gone.totals).toEqual([{ asset: 'points', count: 1, amount: 0 }]);
    const opened = await read('fay', '/v1/me/received');
    expect(opened.items).toMatchObject([{ status: 'opened', amount: 7, best: true }]);
  });
});

test('totals are per asset and over all pages, unconfirmed batches move nothing', async () => {
  const sender = await as('hal');
  const newest: string[] = [];
  for (const asset of ['CNY', 'CNY', 'points']) {
    const batch = { mode: 'fixed', count: 2, each: 5, asset };
    const id = await activeBatch(server.url, sender, 'hal', batch, ['ida']);
    await (await as('ida')).post(`/v1/batches/${id}/claims?open=true`);
    newest.unshift(id);
  }
  const waiting = await sender.post('/v1/batches', { mode: 'lucky', count: 2, total: 9 });
  newest.unshift(waiting.body['id'] as string);
  // Ida's own page waits for what she was told; then it is in Hal's as well.
  expect((await read('ida', '/v1/me/received?limit=2')).totals).toEqual([
    { asset: 'CNY', count: 2, amount: 10 },
    { asset: 'points', count: 1, amount: 5 },
  ]);
  const seen: string[] = [];
  let cursor: string | undefined = '';
  while (cursor !== undefined) {
    const page = await read('hal', `/v1/me/sent?limit=1${cursor && `&cursor=${cursor}`}`);
    seen.push(...page.items.map(({ batchId }) => batchId));
    expect(page.totals).toEqual([
      { asset: 'CNY', count: 2, amount: 20, openedAmount: 10, refundedAmount: 0 },
      { asset: 'points', count: 1, amount: 10, openedAmount: 5, refundedAmount: 0 },
    ]);
    cursor = page.next;
  }
  expect(seen).toEqual(newest);
});

test('records are the caller’s own: strangers read nothing of others', async () => {
  const empty = { items: [], totals: [] };
  for (const path of ['/v1/me/sent', '/v1/me/received']) {
    expect(await read('stranger', path)).toEqual(empty);
    // Another user's cursor opens nothing either, and no parameter names one.
    const { next } = await read(path.endsWith('sent') ? 'hal' : 'ida', `${path}?limit=1`);
    expect(await read('stranger', `${path}?cursor=${next}&userId=hal`)).toEqual(empty);
  }
});
