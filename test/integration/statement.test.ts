/** The account statement over HTTP, with every kind of entry there is, while new ones come. (E14, E17) */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clientOf, type Client } from '../setup/server.ts';
import { paymentServer, type PaymentServer } from './payment-server-support.ts';
import { until } from './payout-support.ts';

let under: PaymentServer;
let anna: Client;
beforeEach(async () => {
  under = await paymentServer();
  anna = await under.customer('anna', 10_000);
});
afterEach(() => under.close());

interface Entry {
  readonly id: string;
  readonly amount: number;
  readonly kind: string;
  readonly balanceAfter: number;
}

async function page(limit: number, cursor?: string) {
  const more = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
  const { status, body } = await anna.get(`/v1/accounts/CNY/entries?limit=${limit}${more}`);
  expect(status).toBe(200);
  return body as { readonly items: readonly Entry[]; readonly next?: string };
}

/** All pages; `between` happens after each. */
async function statement(limit = 200, between: () => Promise<unknown> = async () => undefined) {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const { items, next } = await page(limit, cursor);
    entries.push(...items);
    cursor = next;
    await between();
  } while (cursor !== undefined);
  return entries;
}

const batch = { mode: 'fixed', count: 2, each: 150 };

async function shared(sender: Client, more: object, receivers: string[]): Promise<string> {
  const { status, body } = await sender.post('/v1/batches', { ...batch, ...more });
  expect(status).toBe(201);
  const path = `/v1/batches/${String(body['id'])}`;
  await sender.post(`${path}/confirm`);
  await sender.post(`${path}/audience`, { channel: 'group', receivers });
  return String(body['id']);
}

async function withdrawn(amount: number): Promise<{ id: string; status: unknown }> {
  const id = await under.request(anna, amount);
  const code = await under.codeOf('anna', id);
  await anna.post(`/v1/withdrawals/${id}/verification`, { code });
  const status = await until('an end', async () => {
    const { body } = await anna.get(`/v1/withdrawals/${id}`);
    return body['status'] === 'processing' ? undefined : body['status'];
  });
  return { id, status };
}

async function rejected(amount: number): Promise<void> {
  const id = await under.request(anna, amount);
  const code = Number(await under.codeOf('anna', id));
  for (let by = 1; by <= 5; by += 1) {
    const other = String((code + by) % 1_000_000).padStart(6, '0');
    await anna.post(`/v1/withdrawals/${id}/verification`, { code: other });
  }
  expect((await anna.get(`/v1/withdrawals/${id}`)).body['status']).toBe('rejected');
}

const newest = async (kind: string) =>
  until(`an entry: ${kind}`, async () => {
    const { items } = await page(1);
    return items[0]?.kind === kind ? items[0] : undefined;
  });

it('reads like a bank statement, whatever comes meanwhile', { timeout: 60_000 }, async () => {
  const lapsing = await shared(anna, { expiresIn: 1 }, ['ben']);
  await newest('refund');
  const ben = await under.customer('ben', 300);
  const bens = await shared(ben, {}, ['anna']);
  await anna.post(`/v1/batches/${bens}/claims?open=true`);
  await newest('open');
  const paid = await withdrawn(2_000);
  expect(paid.status).toBe('paid');
  under.sandbox.faults.add({ kind: 'refuse', times: 1 });
  const failed = await withdrawn(700);
  expect(failed.status).toBe('failed');
  // Neither moves money: what is rejected never left, what is held is still hers.
  await rejected(500);
  await under.request(anna, 400);

  const card = { bank: 'ICBC', last4: '1111' };
  const outside = 'outside:in-flight';
  const known = { id: expect.any(String) as string, at: expect.any(String) as string };
  const [ofFailed, ofPaid] = [failed, paid].map(({ id }) => ({
    ...known,
    counterpart: outside,
    withdrawalId: id,
    card,
  }));
  const ofLapsing = { ...known, counterpart: `escrow:${lapsing}`, batchId: lapsing };
  const whole = await statement();
  expect(whole).toEqual([
    { ...ofFailed, kind: 'withdrawal_return', amount: 700, balanceAfter: 8_150 },
    { ...ofFailed, kind: 'withdrawal', amount: -700, balanceAfter: 7_450 },
    { ...ofPaid, kind: 'withdrawal', amount: -2_000, balanceAfter: 8_150 },
    {
      ...known,
      kind: 'open',
      amount: 150,
      counterpart: `escrow:${bens}`,
      batchId: bens,
      senderId: 'ben',
      balanceAfter: 10_150,
    },
    { ...ofLapsing, kind: 'refund', amount: 300, senderId: 'anna', balanceAfter: 10_000 },
    { ...ofLapsing, kind: 'funding', amount: -300, senderId: 'anna', balanceAfter: 9_700 },
    {
      ...known,
      kind: 'deposit',
      amount: 10_000,
      counterpart: 'outside:operator',
      reference: 'first-of-anna',
      balanceAfter: 10_000,
    },
  ]);
  const accounts = async () => (await anna.get('/v1/accounts')).body['items'];
  expect(await accounts()).toEqual([{ asset: 'CNY', balance: 7_750, held: 400 }]);

  // A reader of pages sees each of these entries once, as it was, while others come above them.
  let deposits = 0;
  const deposit = async () => {
    deposits += 1;
    const input = { userId: 'anna', asset: 'CNY', amount: 5, reference: `more-${deposits}` };
    await under.operator.post('/v1/operator/deposits', input);
  };
  for (const limit of [1, 2, 3]) {
    const before = await statement();
    expect(await statement(limit, deposit)).toEqual(before);
  }
  const grown = await statement();
  expect(grown.slice(deposits)).toEqual(whole);
  for (const [i, { amount, balanceAfter }] of grown.entries())
    expect(balanceAfter).toBe((grown[i + 1]?.balanceAfter ?? 0) + amount);
  expect(await accounts()).toEqual([{ asset: 'CNY', balance: 7_750 + 5 * deposits, held: 400 }]);
  expect(grown[0]?.balanceAfter).toBe(8_150 + 5 * deposits);
  // And nobody else's.
  const stranger = await clientOf(under.server.url, 'zoe');
  expect((await stranger.get('/v1/accounts/CNY/entries')).body).toEqual({ items: [] });
});

it('each page adds up while many move the same balance', { timeout: 60_000 }, async () => {
  const movers = Array.from({ length: 4 }, async (_, mover) => {
    for (let i = 0; i < 8; i += 1) {
      await shared(anna, { each: 1 + mover }, ['ben']);
      const id = await under.request(anna, 100 + mover);
      const code = await under.codeOf('anna', id);
      await anna.post(`/v1/withdrawals/${id}/verification`, { code });
    }
  });
  let isOver = false;
  const moving = Promise.all(movers).finally(() => (isOver = true));
  let pages = 0;
  while (!isOver) {
    const { items } = await page(20);
    for (const [i, { amount, balanceAfter }] of items.slice(0, -1).entries())
      expect(balanceAfter).toBe((items[i + 1]?.balanceAfter ?? Number.NaN) + amount);
    pages += 1;
  }
  await moving;
  expect(pages).toBeGreaterThan(3);
  const whole = await statement(7);
  expect(whole).toHaveLength(1 + 4 * 8 * 2);
  expect(whole.at(-1)).toMatchObject({ kind: 'deposit', balanceAfter: 10_000 });
});
