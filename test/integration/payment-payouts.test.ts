/** Payouts under everything that a bank, a crash or another worker can do: one id is paid at most once. (E17 ¶213) */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { payoutLeaseMs, payoutRetryMsMax, payoutRetryMsMin } from '../../engine/limits.ts';
import type { PayoutOrder, PayoutState } from '../../engine/ports/bank.ts';
import { postgresPayments } from '../../engine/payment/postgres.ts';
import { rotateSealed } from '../../engine/payment/rotate.ts';
import { Vault } from '../../engine/payment/vault.ts';
import { cardKey, paymentUnderTest, type PaymentUnderTest } from './payment-support.ts';

let it: PaymentUnderTest;
let id: string;
beforeEach(async () => {
  it = await paymentUnderTest();
  id = await it.processing('anna', 700);
});
afterEach(async () => {
  await it.expectSound();
  await it.close();
});

const later = (ms = payoutRetryMsMax) => {
  it.under.clock.now += ms;
};
const silence: PayoutState = { code: 'unknown', reason: 'silent' };

/** A worker that dies at the named step of its way. */
async function diesAfter(step: 'claim' | 'order'): Promise<void> {
  const claimed = await it.payments.claimPayout(id);
  if (step === 'order' && claimed.code === 'claimed') it.bank.pay(claimed.order);
}

test('a worker that dies before the order leaves: asked for, not found, ordered', async () => {
  await diesAfter('claim');
  expect(await it.pay(id)).toBe('not_due');
  later(payoutLeaseMs);
  expect(await it.pay(id)).toBe('paid');
  expect([it.bank.queries.length, it.bank.orders.length]).toEqual([1, 1]);
});

test('a worker that dies after the bank has paid: asked for, never ordered again', async () => {
  await diesAfter('order');
  later(payoutLeaseMs);
  expect(await it.pay(id)).toBe('paid');
  expect([it.bank.queries.length, it.bank.orders.length]).toEqual([1, 0]);
});

test('no answer after paying is not a failure', async () => {
  it.bank.payouts.push((order) => {
    it.bank.pay(order);
    return silence;
  });
  expect(await it.pay(id)).toBe('waiting');
  expect(await it.status('anna', id)).toEqual(['processing', undefined]);
  expect((await it.under.books.audit()).assets[0]).toMatchObject({ inFlight: 700 });
  expect(await it.pay(id)).toBe('not_due');
  later(payoutRetryMsMin);
  expect(await it.pay(id)).toBe('paid');
  expect([it.bank.queries.length, it.bank.orders.length]).toEqual([1, 1]);
});

test('a bank that knows nothing although the order is still on its way pays once', async () => {
  let onItsWay: PayoutOrder | undefined;
  it.bank.payouts.push((order) => {
    onItsWay = order;
    return silence;
  });
  await it.pay(id);
  later();
  expect(await it.pay(id)).toBe('paid');
  expect(it.bank.orders.map((order) => order.id)).toEqual([id, id]);
  it.bank.pay(onItsWay!);
  expect(it.bank.paid.size).toBe(1);
});

test('pending and unknown are asked for again, ever more seldom', async () => {
  it.bank.payouts.push(() => ({ code: 'pending' }));
  const pauses: number[] = [];
  for (let tries = 1; tries <= 12; tries += 1) {
    expect(await it.pay(id)).toBe('waiting');
    it.bank.answers.push(tries % 2 === 0 ? silence : { code: 'pending' });
    const from = it.under.clock.now;
    while ((await it.payments.duePayouts(1)).length === 0) later(payoutRetryMsMin);
    pauses.push(it.under.clock.now - from);
  }
  expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8].map((times) => times * payoutRetryMsMin));
  expect(Math.max(...pauses)).toBe(payoutRetryMsMax);
  it.bank.answers.length = 0;
  it.bank.answers.push({ code: 'failed', reason: 'holder_mismatch' });
  expect(await it.pay(id)).toBe('failed');
  expect(await it.account('anna')).toEqual({ balance: 700, held: 0 });
  expect(it.bank.orders).toHaveLength(1);
});

test('many workers at once: one drives it', async () => {
  const steps = await Promise.all(Array.from({ length: 12 }, () => it.pay(id)));
  expect(steps.filter((step) => step === 'paid')).toHaveLength(1);
  expect(steps.filter((step) => step === 'not_due')).toHaveLength(11);
  expect(it.bank.orders).toHaveLength(1);
});

test('a slow worker and the one that took over: final words count once, whoever brings them', async () => {
  let answer: (said: PayoutState) => void = () => undefined;
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  it.bank.payouts.push((order) => {
    it.bank.pay(order);
    asked();
    return new Promise((resolve) => (answer = resolve));
  });
  const slow = it.pay(id);
  await isAsked;
  later(payoutLeaseMs);
  expect(await it.pay(id)).toBe('paid');
  answer({ code: 'paid', reference: 'late', at: 1 });
  expect(await slow).toBe('ended_before');
  expect((await it.under.books.audit()).assets[0]).toMatchObject({ inFlight: 0, paidOut: 700 });
});

test('a slow worker that learnt nothing does not put off the one that took over', async () => {
  const claimed = await it.payments.claimPayout(id);
  expect(claimed.code).toBe('claimed');
  later(payoutLeaseMs);
  const next = await it.payments.claimPayout(id);
  expect(next).toMatchObject({ sentBefore: true, tries: 2 });
  expect(await it.payments.recordPayout(id, silence, 1)).toBe(false);
  expect(await it.payments.recordPayout(id, silence, 2)).toBe(true);
});

test('a clock that was set back does not leave a payout lying', async () => {
  it.bank.payouts.push(() => silence);
  await it.pay(id);
  it.under.clock.now -= 3_600_000;
  expect(await it.payments.duePayouts(10)).toEqual([id]);
  expect(await it.pay(id)).toBe('paid');
});

test('a card that does not open stays where it is, alarms, and is tried much later', async () => {
  await it.under.pool.query('UPDATE withdrawal SET card_key = $1', ['gone']);
  expect(await it.pay(id)).toBe('unreadable');
  expect(it.alarms).toEqual(['card_unreadable']);
  expect(await it.pay(id)).toBe('not_due');
  await it.under.pool.query('UPDATE withdrawal SET card_key = $1', ['k1']);
  later();
  // Nothing had left, so nothing is asked.
  expect(await it.pay(id)).toBe('paid');
  expect(it.bank.queries).toEqual([]);
});

test('a card moved to another row, or from the registration, does not open', async () => {
  const other = await it.processing('ben', 5);
  await it.under.pool.query(
    'UPDATE withdrawal AS w SET card = o.card, card_nonce = o.card_nonce FROM withdrawal AS o WHERE w.id = $1 AND o.id = $2',
    [id, other],
  );
  expect(await it.pay(id)).toBe('unreadable');
  await it.under.pool.query(
    `UPDATE withdrawal AS w SET card = r.card, card_nonce = r.card_nonce FROM registration AS r
     WHERE w.id = $1 AND r.user_id = 'ben'`,
    [other],
  );
  expect(await it.pay(other)).toBe('unreadable');
  expect(it.bank.orders).toEqual([]);
});

test('what has ended keeps no card', async () => {
  await it.pay(id);
  const { rows } = await it.under.pool.query(
    'SELECT card, card_key, card_nonce, bank_reference FROM withdrawal',
  );
  expect(rows).toEqual([
    { card: null, card_key: null, card_nonce: null, bank_reference: `ref-${id}` },
  ]);
});

test('new keys: cards are sealed again while the server runs, then the old key may go', async () => {
  const waiting = await it.requested('ben', 5);
  for (let i = 0; i < 130; i += 1) {
    await it.payments.register(`u${String(i).padStart(3, '0')}`, {
      holderName: `User ${i}`,
      cardNumber: '4111111111111111',
      bank: 'B',
    });
  }
  const keys = [cardKey('k2', 2), cardKey('k1', 1)];
  expect(await rotateSealed(it.under.pool, new Vault([keys[0]!]))).toEqual({
    sealed: 0,
    unreadable: ['k1'],
    left: 134,
    codes: 1,
  });
  const rotating = rotateSealed(it.under.pool, new Vault(keys));
  await it.payments.register('u129', {
    holderName: 'New',
    cardNumber: '6222021234567890128',
    bank: 'B',
  });
  const first = await rotating;
  expect(first).toMatchObject({ unreadable: [], codes: 1 });
  const second = await rotateSealed(it.under.pool, new Vault(keys));
  // 132 registrations and two withdrawals; one registration may have come in between.
  expect(first.sealed + second.sealed).toBeGreaterThanOrEqual(133);
  expect(first.sealed + second.sealed).toBeLessThanOrEqual(135);
  const code = await it.codeOf(waiting);
  expect((await it.payments.verify('ben', waiting, code)).code).toBe('verified');
  expect(await rotateSealed(it.under.pool, new Vault(keys))).toEqual({
    sealed: 0,
    unreadable: [],
    left: 0,
    codes: 0,
  });
  const { url } = it.under;
  const { now } = it.under.clock;
  const fresh = await postgresPayments({ url, cardKeys: [keys[0]!], now: () => now });
  try {
    const claimed = await fresh.claimPayout(id);
    expect(claimed.code).toBe('claimed');
    expect(await fresh.recordPayout(id, { code: 'pending' }, 1)).toBe(true);
  } finally {
    await fresh.close();
  }
});
