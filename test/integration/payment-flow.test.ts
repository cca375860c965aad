/** A withdrawal from its request to its end, in the document's order, each transition with its money. (E17 ¶202–213) */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeAttemptsMax, codeValidMs, payoutLeaseMs } from '../../engine/limits.ts';
import { sendCode, sendCodes } from '../../engine/payment/steps.ts';
import { card, paymentUnderTest, wrong, type PaymentUnderTest } from './payment-support.ts';

let it: PaymentUnderTest;
beforeEach(async () => {
  it = await paymentUnderTest();
});
afterEach(async () => {
  await it.expectSound();
  await it.close();
});

test('request, code, right answer, bank: paid', async () => {
  const id = await it.requested('anna', 700);
  expect(await it.account('anna')).toEqual({ balance: 0, held: 700 });
  expect(await it.payments.withdrawal('anna', id)).toEqual({
    id,
    status: 'awaiting_verification',
    asset: 'CNY',
    amount: 700,
    card: { bank: card.bank, last4: '0128' },
    requestedAt: it.under.clock.now,
    code: { expiresAt: it.under.clock.now + codeValidMs, attemptsLeft: codeAttemptsMax },
    reason: undefined,
    endedAt: undefined,
  });
  await it.expectSound();
  const code = await it.codeOf(id);
  expect(code).toMatch(/^[0-9]{6}$/);
  expect(await it.payments.verify('anna', id, code)).toMatchObject({
    code: 'verified',
    withdrawal: { status: 'processing' },
  });
  expect(await it.account('anna')).toEqual({ balance: 0, held: 0 });
  expect((await it.under.books.audit()).assets[0]).toMatchObject({ inFlight: 700, paidOut: 0 });
  await it.expectSound();

  expect(await it.payments.duePayouts(10)).toEqual([id]);
  expect(await it.pay(id)).toBe('paid');
  expect(it.bank.orders).toEqual([{ id, asset: 'CNY', amount: 700, card }]);
  expect(await it.status('anna', id)).toEqual(['paid', undefined]);
  expect((await it.under.books.audit()).assets[0]).toMatchObject({ inFlight: 0, paidOut: 700 });
  expect(it.became).toEqual(['awaiting_verification', 'processing', 'paid']);
  expect(await it.pay(id)).toBe('not_due');
  expect(await it.payments.duePayouts(10)).toEqual([]);
});

test('the bank refuses: the money is back, with the reason', async () => {
  const id = await it.processing('anna', 700);
  it.bank.payouts.push(() => ({ code: 'failed', reason: 'account_closed' }));
  expect(await it.pay(id)).toBe('failed');
  expect(await it.status('anna', id)).toEqual(['failed', 'account_closed']);
  expect(await it.account('anna')).toEqual({ balance: 700, held: 0 });
  expect((await it.under.books.audit()).assets[0]).toMatchObject({ inFlight: 0, paidOut: 0 });
});

test('nobody registered is asked to register, whatever else is wrong', async () => {
  expect(await it.request('anna', 1)).toEqual({ code: 'registration_required' });
  expect(await it.request('anna', 1, 'points')).toEqual({ code: 'registration_required' });
});

test('wrong codes: counted one by one, a repeat is not another attempt, the last one rejects', async () => {
  const id = await it.requested('anna', 700);
  const code = await it.codeOf(id);
  for (let by = 1; by < codeAttemptsMax; by += 1) {
    const attemptsLeft = codeAttemptsMax - by;
    const verify = () => it.payments.verify('anna', id, wrong(code, by));
    expect(await verify()).toEqual({ code: 'wrong_code', attemptsLeft });
    expect(await verify()).toEqual({ code: 'wrong_code', attemptsLeft });
    expect((await it.payments.withdrawal('anna', id))?.code?.attemptsLeft).toBe(attemptsLeft);
  }
  const last = () => it.payments.verify('anna', id, wrong(code, codeAttemptsMax));
  expect(await last()).toEqual({ code: 'wrong_code', attemptsLeft: 0 });
  expect(await last()).toEqual({ code: 'wrong_code', attemptsLeft: 0 });
  expect(await it.status('anna', id)).toEqual(['rejected', 'wrong_code']);
  expect(await it.account('anna')).toEqual({ balance: 700, held: 0 });
  const late = await it.payments.verify('anna', id, code);
  expect(late).toEqual({ code: 'not_awaiting_verification' });
  expect(it.became).toEqual(['awaiting_verification', 'rejected']);
});

test('parallel guesses are no more than five', async () => {
  const id = await it.requested('anna', 700);
  const code = await it.codeOf(id);
  const guesses = Array.from({ length: 40 }, (_, i) =>
    it.payments.verify('anna', id, wrong(code, i + 1)),
  );
  const answers = await Promise.all(guesses);
  const counted = answers.filter((answer) => answer.code === 'wrong_code');
  expect(counted).toHaveLength(codeAttemptsMax);
  expect(await it.status('anna', id)).toEqual(['rejected', 'wrong_code']);
});

test('a code is good for ten minutes, and its end is seen at once', async () => {
  const id = await it.requested('anna', 700);
  const code = await it.codeOf(id);
  it.under.clock.now += codeValidMs;
  expect(await it.status('anna', id)).toEqual(['rejected', 'code_expired']);
  expect(await it.account('anna')).toEqual({ balance: 700, held: 0 });
  expect(await it.payments.verify('anna', id, code)).toEqual({ code: 'code_expired' });

  const second = await it.requested('anna', 700);
  it.under.clock.now += codeValidMs;
  expect(await it.payments.verify('anna', second, await it.codeOf(id))).toEqual({
    code: 'code_expired',
  });
  const third = await it.requested('ben', 1);
  it.under.clock.now += codeValidMs - 1;
  expect(await it.payments.expireCodes(10)).toBe(0);
  it.under.clock.now += 1;
  expect(await it.payments.expireCodes(10)).toBe(1);
  expect(await it.payments.expireCodes(10)).toBe(0);
  expect(await it.status('ben', third)).toEqual(['rejected', 'code_expired']);
});

test('what no code can verify any more is not in the way of the next request', async () => {
  await it.requested('anna', 700);
  it.under.clock.now += codeValidMs;
  expect((await it.request('anna', 700)).code).toBe('requested');
});

test('a code is used once; the same request again gets the same answer', async () => {
  const id = await it.processing('anna', 700);
  const code = await it.codeOf(id);
  const again = { code: 'verified', withdrawal: { status: 'processing' } };
  expect(await it.payments.verify('anna', id, code)).toMatchObject(again);
  const other = await it.payments.verify('anna', id, wrong(code));
  expect(other).toEqual({ code: 'not_awaiting_verification' });
  await it.pay(id);
  const later = { code: 'verified', withdrawal: { status: 'paid' } };
  expect(await it.payments.verify('anna', id, code)).toMatchObject(later);
  expect(it.bank.orders).toHaveLength(1);
});

test('the right code at once from two devices takes the money once', async () => {
  const id = await it.requested('anna', 700);
  const code = await it.codeOf(id);
  const answers = await Promise.all([1, 2, 3].map(() => it.payments.verify('anna', id, code)));
  expect(answers.map((answer) => answer.code)).toEqual(['verified', 'verified', 'verified']);
  expect(it.became.filter((status) => status === 'processing')).toHaveLength(1);
});

test('nobody else sees, verifies or lists a withdrawal', async () => {
  const id = await it.requested('anna', 700);
  const code = await it.codeOf(id);
  expect(await it.payments.withdrawal('ben', id)).toBeUndefined();
  expect(await it.payments.verify('ben', id, code)).toEqual({ code: 'withdrawal_not_found' });
  expect(await it.payments.withdrawals('ben', { cursor: undefined, limit: 9 })).toMatchObject({
    items: [],
  });
});

test('a new registration does not redirect what is under way', async () => {
  const id = await it.processing('anna', 700);
  const other = { holderName: 'Eve', cardNumber: '4111111111111111', bank: 'Elsewhere' };
  await it.payments.register('anna', other);
  await it.pay(id);
  expect(it.bank.orders[0]?.card).toEqual(card);
  expect((await it.payments.withdrawal('anna', id))?.card.last4).toBe('0128');
});

test('limits: asset, smallest, largest, a day’s amount and number', async () => {
  await it.close();
  it = await paymentUnderTest({
    amountMin: 10,
    amountMax: 100,
    dayAmountMax: 150,
    dayCountMax: 4,
  });
  await it.payments.register('anna', card);
  await it.under.deposit('anna', 1_000);
  const limit = (name: string, value: number) => ({
    code: 'withdrawal_limit',
    limit: { name, value },
  });
  expect(await it.request('anna', 50, 'points')).toEqual({
    code: 'asset_not_withdrawable',
    assets: ['CNY'],
  });
  expect(await it.request('anna', 9)).toEqual(limit('min', 10));
  expect(await it.request('anna', 101)).toEqual(limit('max', 100));
  const first = await it.request('anna', 100);
  expect(await it.request('anna', 51)).toEqual(limit('day_amount', 150));
  expect((await it.request('anna', 50)).code).toBe('requested');
  expect(await it.request('anna', 10)).toEqual(limit('day_amount', 150));
  // What came to nothing leaves its amount to others, but stays a request.
  const { id } = (first as { withdrawal: { id: string } }).withdrawal;
  const code = await it.codeOf(id);
  for (let by = 1; by <= codeAttemptsMax; by += 1) {
    await it.payments.verify('anna', id, wrong(code, by));
  }
  expect((await it.request('anna', 100)).code).toBe('requested');
  it.under.clock.now += codeValidMs;
  expect((await it.request('anna', 20)).code).toBe('requested');
  expect(await it.request('anna', 10)).toEqual(limit('day_count', 4));
  it.under.clock.now += 86_400_000;
  expect((await it.request('anna', 10)).code).toBe('requested');
});

test('more than the balance is refused and holds nothing', async () => {
  await it.payments.register('anna', card);
  expect(await it.request('anna', 1)).toEqual({ code: 'insufficient_funds' });
  await it.under.deposit('anna', 5);
  expect(await it.request('anna', 6)).toEqual({ code: 'insufficient_funds' });
  expect(await it.account('anna')).toEqual({ balance: 5, held: 0 });
});

test('a code is due until it was taken; a crash before or after sending repeats the same code', async () => {
  const id = await it.requested('anna', 700);
  const { payments } = it;
  expect(await payments.dueCodes(10)).toEqual([id]);
  const first = await payments.claimCode(id);
  expect(await payments.dueCodes(10)).toEqual([]);
  expect(await payments.claimCode(id)).toBeUndefined();
  it.under.clock.now += payoutLeaseMs;
  expect(await payments.dueCodes(10)).toEqual([id]);

  let taken = false;
  const seen: string[] = [];
  const codeSender = {
    send: ({ code }: { code: string }) => {
      seen.push(code);
      return Promise.resolve(taken);
    },
  };
  expect(await sendCodes({ payments, codeSender }, 10)).toBe(0);
  expect(await sendCodes({ payments, codeSender }, 10)).toBe(0);
  it.under.clock.now += 60_000;
  taken = true;
  expect(await sendCodes({ payments, codeSender }, 10)).toBe(1);
  expect(await sendCode({ payments, codeSender }, id)).toBe(false);
  expect(seen).toEqual([first?.message.code, first?.message.code]);
});
