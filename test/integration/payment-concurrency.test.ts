/** Two hundred withdrawals and confirmations at once against one balance, while it is paid into: invariants 1 and 5. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BatchEvent } from '../../engine/core/types.ts';
import { card, paymentUnderTest, wrong, type PaymentUnderTest } from './payment-support.ts';

let it: PaymentUnderTest;
beforeEach(async () => {
  it = await paymentUnderTest({ dayCountMax: 10_000, dayAmountMax: 1_000_000 });
  await it.payments.register('anna', card);
});
afterEach(async () => {
  await it.expectSound();
  await it.close();
});

/** Looks again and again while others work: nothing is off in between either. @returns how often */
async function soundThroughout(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = () => (isOver = true);
  work.then(over, over);
  for (let looks = 0; ; looks += 1) {
    const last: boolean = isOver;
    await it.expectSound();
    const { balance, held } = await it.account('anna');
    expect(Math.min(balance, held)).toBeGreaterThanOrEqual(0);
    if (last) return looks;
  }
}

test('200 parallel withdrawals and confirmations never overdraw', { timeout: 90_000 }, async () => {
  await it.under.deposit('anna', 1_000);
  const drafts: string[] = [];
  for (let i = 0; i < 200; i += 1) {
    drafts.push(await it.under.create('anna', { count: 3, total: 30 }));
  }
  const confirms = drafts.map(async (draft) => (await it.under.books.confirm(draft, 'anna')).code);
  const requests = Array.from({ length: 200 }, async () => {
    const result = await it.request('anna', 30);
    if (result.code !== 'requested') return result.code;
    const { id } = result.withdrawal;
    const code = await it.codeOf(id);
    // Some are verified, some rejected: both move what others compete for.
    if (Number(code) % 2 === 0) return (await it.payments.verify('anna', id, code)).code;
    for (let by = 1; by <= 5; by += 1) await it.payments.verify('anna', id, wrong(code, by));
    return 'rejected';
  });
  const running = Promise.all([...confirms, ...requests]);
  expect(await soundThroughout(running)).toBeGreaterThan(1);
  const codes = await running;
  const count = (code: string) => codes.filter((one) => one === code).length;
  expect(new Set(codes)).toEqual(
    new Set(['confirmed', 'verified', 'rejected', 'insufficient_funds'].filter(count)),
  );
  expect(count('confirmed') + count('verified')).toBeLessThanOrEqual(33);
  const { balance, held } = await it.account('anna');
  expect(held).toBe(0);
  expect(balance).toBe(1_000 - 30 * (count('confirmed') + count('verified')));
  await it.expectSound();

  const due = await it.payments.duePayouts(1_000);
  expect(due).toHaveLength(count('verified'));
  const steps = await Promise.all([...due, ...due].map((id) => it.pay(id)));
  expect(steps.filter((step) => step === 'paid')).toHaveLength(due.length);
  const [cny] = (await it.under.books.audit()).assets;
  expect(cny).toMatchObject({ inFlight: 0, paidOut: 30 * due.length });
});

test(
  'withdrawals, payouts and settling side by side: no deadlock, nothing lost',
  { timeout: 60_000 },
  async () => {
    const users = Array.from({ length: 12 }, (_, i) => `u${String(i).padStart(2, '0')}`);
    for (const user of users) {
      await it.payments.register(user, card);
      await it.under.deposit(user, 1_000);
    }
    await it.under.deposit('anna', 100_000);
    const batches: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      batches.push(
        await it.under.active('anna', { mode: 'fixed', count: 12, total: 120, each: 10 }),
      );
    }
    const base = { at: it.under.clock.now, tag: undefined, position: undefined };
    const settling = (async () => {
      for (const [turn, batchId] of batches.entries()) {
        // In another order of users each time.
        const events = users.map((_, i): BatchEvent => {
          const receiverId = users[(i * 5 + turn) % users.length]!;
          const claimed = { kind: 'claimed', batchId, receiverId, amount: 10, ...base } as const;
          return { ...claimed, version: i + 1, packet: i + 1 };
        });
        await it.under.settle(events);
      }
    })();
    const withdrawing = users.flatMap((user, i) =>
      [1, 2, 3].map(async () => {
        const result = await it.request(user, 100);
        if (result.code !== 'requested') throw new Error(result.code);
        const { id } = result.withdrawal;
        await it.payments.verify(user, id, await it.codeOf(id));
        if (i % 3 === 0) it.bank.payouts.push(() => ({ code: 'failed', reason: 'account_closed' }));
        return it.pay(id);
      }),
    );
    const steps = await Promise.all(withdrawing);
    await settling;
    const failed = steps.filter((step) => step === 'failed').length;
    expect(steps.filter((step) => step === 'paid')).toHaveLength(36 - failed);
    const balances = await Promise.all(users.map((user) => it.account(user)));
    const sum = balances.reduce((all, { balance, held }) => all + balance + held, 0);
    expect(sum).toBe(12 * (1_000 + 120) - 100 * (36 - failed));
  },
);

test('limits of a day hold when all requests come at once', async () => {
  await it.close();
  it = await paymentUnderTest({ dayAmountMax: 100, dayCountMax: 7 });
  await it.payments.register('anna', card);
  await it.under.deposit('anna', 10_000);
  const amounts = await Promise.all(Array.from({ length: 40 }, () => it.request('anna', 20)));
  expect(amounts.filter(({ code }) => code === 'requested')).toHaveLength(5);
  const counts = await Promise.all(Array.from({ length: 40 }, () => it.request('anna', 1)));
  expect(counts.filter(({ code }) => code === 'requested')).toHaveLength(0);
  await it.payments.register('ben', card);
  await it.under.deposit('ben', 10_000);
  const bens = await Promise.all(Array.from({ length: 40 }, () => it.request('ben', 1)));
  expect(bens.filter(({ code }) => code === 'requested')).toHaveLength(7);
});
