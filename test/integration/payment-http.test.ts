/** Withdrawals over HTTP: limits as configured, and one balance that everybody wants at once. (E17; invariants 1 and 5) */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Vault } from '../../engine/payment/vault.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { clientOf, startServer, type Client, type TestServer } from '../setup/server.ts';
import { cardKey, wrong } from './payment-support.ts';

const key = cardKey('k1', 3);
const card = { holderName: 'Anna', cardNumber: '6222021234567890128', bank: 'ICBC' };

let database: TestDatabase;
let server: TestServer;
let operator: Client;
beforeAll(async () => {
  database = await freshDatabase();
  server = await startServer({
    DATABASE_URL: database.url,
    CARD_KEYS: `k1:${Buffer.from(key.key).toString('base64')}`,
    WITHDRAWAL_ASSETS: 'CNY,points',
    WITHDRAWAL_MIN: '10',
    WITHDRAWAL_MAX: '100',
    WITHDRAWAL_DAY_MAX: '3000',
    WITHDRAWALS_PER_DAY: '202',
    THREADS: '1',
  });
  operator = await clientOf(server.url, 'olga', ['operator']);
});
afterAll(async () => {
  await server.end('SIGTERM');
  await database.drop();
});

async function registered(userId: string, amount: number, asset = 'CNY'): Promise<Client> {
  const client = await clientOf(server.url, userId);
  await client.call('PUT', '/v1/payment/registration', card);
  const reference = `${userId}-${asset}`;
  await operator.post('/v1/operator/deposits', { userId, asset, amount, reference });
  return client;
}

const ask = async (client: Client, amount: number, asset = 'CNY') => {
  const { status, body } = await client.post('/v1/withdrawals', { asset, amount });
  return status === 201 ? String(body['id']) : [body['code'], body['limit']];
};
const id = /^[0-9a-f-]{36}$/;
const broken = (name: string, value: number) => ['withdrawal_limit', { name, value }];

test('what cannot be a card is refused by field, in words that hold nothing of it', async () => {
  const client = await clientOf(server.url, 'careless');
  const wrong: readonly (readonly [field: string, value: unknown])[] = [
    ['cardNumber', '6222021234567890127'],
    ['cardNumber', '0000 0000 0000 0000'],
    ['cardNumber', 6222021234567890],
    ['cardNumber', '6222-0212-3456-7890-128'],
    ['holderName', ''],
    ['holderName', '\u0301\u0308'],
    ['holderName', '\u200b'],
    ['holderName', '123'],
    ['holderName', `Anna ${card.cardNumber}`],
    ['bank', '6222 0212 3456 7890 128'],
    ['bank', 'x'.repeat(1_000)],
  ];
  for (const [field, value] of wrong) {
    const path = '/v1/payment/registration';
    const { status, body } = await client.call('PUT', path, { ...card, [field]: value });
    expect([field, value, status, body['code']]).toEqual([field, value, 400, 'invalid_request']);
    expect((body['errors'] as { field: string }[]).map((error) => error.field)).toContain(field);
    expect(JSON.stringify(body)).not.toMatch(/6222|7890|Anna/);
  }
  expect((await client.get('/v1/payment/registration')).status).toBe(404);
});

test('limits are those of the configuration, to the unit', async () => {
  const client = await registered('lim', 10_000);
  expect(await ask(client, 9)).toEqual(broken('min', 10));
  expect(await ask(client, 10)).toMatch(id);
  expect(await ask(client, 101)).toEqual(broken('max', 100));
  for (let i = 0; i < 29; i += 1) expect(await ask(client, 100)).toMatch(id);
  expect(await ask(client, 91)).toEqual(broken('day_amount', 3_000));
  expect(await ask(client, 90)).toMatch(id);
  expect(await ask(client, 10)).toEqual(broken('day_amount', 3_000));
  // Another asset has an amount of its own; the number of requests is for all.
  await registered('lim', 10_000, 'points');
  for (let n = 32; n <= 202; n += 1) expect(await ask(client, 10, 'points')).toMatch(id);
  expect(await ask(client, 10, 'points')).toEqual(broken('day_count', 202));
  const other = await registered('lim-2', 10);
  expect(await ask(other, 10)).toMatch(id);
  const { body } = await other.post('/v1/withdrawals', { asset: 'gold', amount: 10 });
  expect(body['code']).toBe('asset_not_withdrawable');
});

test('200 withdrawals and 200 confirmations against one balance', { timeout: 90_000 }, async () => {
  const client = await registered('anna', 1_000);
  const drafts = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const { body } = await client.post('/v1/batches', { mode: 'lucky', count: 3, total: 30 });
      return String(body['id']);
    }),
  );
  const vault = new Vault([key]);
  const withdraw = async (i: number): Promise<unknown> => {
    const made = await ask(client, 30);
    if (typeof made !== 'string') return made[0];
    const path = `/v1/withdrawals/${made}/verification`;
    const code = vault.code('k1', made);
    if (i % 2 === 0) return (await client.post(path, { code })).body['status'];
    for (let by = 1; by <= 5; by += 1) await client.post(path, { code: wrong(code, by) });
    return (await client.get(`/v1/withdrawals/${made}`)).body['status'];
  };
  const confirm = async (draft: string): Promise<unknown> => {
    const { status, body } = await client.post(`/v1/batches/${draft}/confirm`);
    return status === 200 ? 'confirmed' : body['code'];
  };
  let isOver = false;
  const running = Promise.all([
    ...drafts.map(confirm),
    ...Array.from({ length: 200 }, (_, i) => withdraw(i)),
  ]).finally(() => (isOver = true));
  const expectSound = async () => {
    const { status, body } = await operator.get('/v1/operator/audit');
    expect([status, body['ok']], JSON.stringify(body)).toEqual([200, true]);
  };
  const watching = (async () => {
    while (!isOver) await expectSound();
  })();
  const [outcomes] = await Promise.all([running, watching]);
  const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
  const known = ['confirmed', 'processing', 'rejected', 'insufficient_funds'];
  expect(known.reduce((sum, outcome) => sum + count(outcome), 0)).toBe(400);
  const spent = 30 * (count('confirmed') + count('processing'));
  expect(spent).toBeGreaterThan(0);
  const { body } = await client.get('/v1/accounts');
  const [cny] = body['items'] as { balance: number; held: number }[];
  expect(cny).toMatchObject({ balance: 1_000 - spent, held: 0 });
  await expectSound();
});
