/** The account statement: what, with whom, for which batch or withdrawal, and the balance after. (E17) */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EntryView } from '../../engine/books/types.ts';
import { card, paymentUnderTest, type PaymentUnderTest } from './payment-support.ts';

let it: PaymentUnderTest;
beforeEach(async () => {
  it = await paymentUnderTest();
});
afterEach(async () => {
  await it.expectSound();
  await it.close();
});

async function statement(userId: string, limit: number): Promise<EntryView[]> {
  const items: EntryView[] = [];
  let cursor: string | undefined;
  do {
    const page = await it.under.books.entries(userId, 'CNY', cursor, limit);
    if (page.code !== 'page') throw new Error(page.code);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}

/** One of each kind: credited, funded, opened, refunded, withdrawn, refused, withdrawn again. */
async function story(): Promise<{ batch: string; opened: string; first: string; second: string }> {
  const base = { at: it.under.clock.now, tag: undefined, position: undefined };
  await it.under.deposit('anna', 1_000, { reference: 'till-7' });
  await it.under.deposit('ben', 500, { reference: 'till-8' });
  const batch = await it.under.active('anna', { count: 3, total: 300 });
  const opened = await it.under.active('ben', { count: 2, total: 50 });
  await it.under.settle([
    {
      kind: 'claimed',
      batchId: opened,
      version: 1,
      packet: 1,
      receiverId: 'anna',
      amount: 40,
      ...base,
    },
    { kind: 'expired', batchId: batch, version: 1, at: base.at, refunded: 300 },
  ]);
  await it.payments.register('anna', card);
  const withdraw = async (amount: number) => {
    const result = await it.request('anna', amount);
    if (result.code !== 'requested') throw new Error(result.code);
    const { id } = result.withdrawal;
    await it.payments.verify('anna', id, await it.codeOf(id));
    return id;
  };
  const first = await withdraw(600);
  it.bank.payouts.push(() => ({ code: 'failed', reason: 'account_closed' }));
  await it.pay(first);
  const second = await withdraw(200);
  await it.pay(second);
  // Held, and so not moved yet.
  expect((await it.request('anna', 100)).code).toBe('requested');
  return { batch, opened, first, second };
}

test('reads like a bank statement, the same in pages of any size', async () => {
  const { batch, opened, first, second } = await story();
  const whole = await statement('anna', 200);
  const plain = whole.map(({ id: _id, at: _at, ...entry }) =>
    Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)),
  );
  const ofFirst = { counterpart: 'outside:in-flight', withdrawalId: first };
  const shownCard = { bank: card.bank, last4: '0128' };
  const funding = { kind: 'funding', counterpart: `escrow:${batch}`, batchId: batch };
  expect(plain).toEqual([
    {
      kind: 'withdrawal',
      amount: -200,
      counterpart: 'outside:in-flight',
      withdrawalId: second,
      card: shownCard,
      balanceAfter: 840,
    },
    { kind: 'withdrawal_return', amount: 600, ...ofFirst, card: shownCard, balanceAfter: 1_040 },
    { kind: 'withdrawal', amount: -600, ...ofFirst, card: shownCard, balanceAfter: 440 },
    ...[
      { ...funding, kind: 'refund', amount: 300, senderId: 'anna' },
      {
        kind: 'open',
        amount: 40,
        counterpart: `escrow:${opened}`,
        batchId: opened,
        senderId: 'ben',
      },
    ]
      .toSorted((one) => (plain[3]?.['kind'] === one.kind ? -1 : 1))
      .map((entry, i) => ({ ...entry, balanceAfter: plain[3 + i]?.['balanceAfter'] })),
    { ...funding, amount: -300, senderId: 'anna', balanceAfter: 700 },
    {
      kind: 'deposit',
      amount: 1_000,
      counterpart: 'outside:operator',
      reference: 'till-7',
      balanceAfter: 1_000,
    },
  ]);
  // Each balance is the one below it plus the entry.
  for (const [i, entry] of whole.entries()) {
    const below = whole[i + 1]?.balanceAfter ?? 0;
    expect(entry.balanceAfter).toBe(below + entry.amount);
  }
  for (const limit of [1, 2, 3, 5, 7]) expect(await statement('anna', limit)).toEqual(whole);
  expect(await it.account('anna')).toEqual({ balance: 740, held: 100 });
});

test('pages stay true while entries come in above them', async () => {
  await story();
  const whole = await statement('anna', 200);
  const page = await it.under.books.entries('anna', 'CNY', undefined, 3);
  if (page.code !== 'page') throw new Error(page.code);
  await it.under.deposit('anna', 5_000);
  await it.under.active('anna', { count: 3, total: 30 });
  const next = await it.under.books.entries('anna', 'CNY', page.next, 3);
  expect(next).toMatchObject({ items: whole.slice(3, 6) });
});

test('nobody has an empty statement; a foreign cursor is refused', async () => {
  expect(await statement('nobody', 10)).toEqual([]);
  expect(await it.under.books.entries('anna', 'CNY', 'x', 10)).toEqual({ code: 'bad_cursor' });
});
