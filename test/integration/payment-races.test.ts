/** Withdrawals while everything happens at once: deadlines, rotated keys, stepped clocks, damage, broken connections. (E17) */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  codeAttemptsMax,
  codeValidMs,
  payoutLeaseMs,
  withdrawalDayMs,
} from '../../engine/limits.ts';
import { postgresPayments } from '../../engine/payment/postgres.ts';
import type { Payments, PaymentSteps } from '../../engine/payment/port.ts';
import { rotateSealed } from '../../engine/payment/rotate.ts';
import { payOnce } from '../../engine/payment/steps.ts';
import { Vault, VaultError, type CardKey } from '../../engine/payment/vault.ts';
import {
  card,
  cardKey,
  paymentUnderTest,
  wrong,
  type PaymentUnderTest,
} from './payment-support.ts';

const keys = [cardKey('k1', 1), cardKey('k2', 2), cardKey('k3', 3)];

let it: PaymentUnderTest;
const others: (Payments & PaymentSteps)[] = [];
beforeEach(async () => {
  it = await paymentUnderTest({ dayCountMax: 10_000 }, keys);
});
afterEach(async () => {
  await Promise.all(others.splice(0).map((one) => one.close()));
  await it.close();
});

/** Another process, its clock so much ahead. */
async function another(aheadMs = 0, cardKeys: readonly CardKey[] = keys) {
  const now = () => it.under.clock.now + aheadMs;
  const one = await postgresPayments({ url: it.under.url, cardKeys, now });
  others.push(one);
  return one;
}

const users = Array.from({ length: 24 }, (_, i) => `u${i}`);

test('a code that comes in the moment in which it ends: taken or free, never both', async () => {
  const late = await another(codeValidMs);
  const ids = await Promise.all(users.map((user) => it.requested(user, 10)));
  const codes = await Promise.all(ids.map((id) => it.codeOf(id)));
  const answers = await Promise.all(
    users.flatMap((user, i) => [
      it.payments.verify(user, ids[i]!, codes[i]!),
      late.withdrawal(user, ids[i]!),
      late.verify(user, ids[i]!, codes[i]!),
    ]),
  );
  expect(answers).toHaveLength(3 * users.length);
  await late.expireCodes(100);
  for (const [i, user] of users.entries()) {
    const [status] = (await it.status(user, ids[i]!)) as [string];
    expect(['processing', 'rejected']).toContain(status);
    const balance = status === 'rejected' ? 10 : 0;
    expect(await it.account(user)).toEqual({ balance, held: 0 });
    // Whoever was told "verified" was told the truth.
    const [told] = answers.slice(3 * i) as { code: string }[];
    expect(told?.code).toBe(status === 'processing' ? 'verified' : 'code_expired');
  }
  await it.expectSound();
});

test('the last millisecond of a code is good, the next one is not', async () => {
  const [first, second] = [await it.requested('anna', 10), await it.requested('ben', 10)];
  const [one, two] = [await it.codeOf(first), await it.codeOf(second)];
  it.under.clock.now += codeValidMs - 1;
  expect((await it.payments.verify('anna', first, one)).code).toBe('verified');
  it.under.clock.now += 1;
  expect((await it.payments.verify('ben', second, two)).code).toBe('code_expired');
  await it.expectSound();
});

test('the right code among wrong ones, all at once: one end, and no more than five guesses', async () => {
  await Promise.all(
    users.map(async (user) => {
      const id = await it.requested(user, 10);
      const code = await it.codeOf(id);
      const guesses = Array.from({ length: 8 }, (_, by) => wrong(code, by));
      const answers = await Promise.all(
        guesses.map((guess) => it.payments.verify(user, id, guess)),
      );
      const counted = answers.filter(({ code: said }) => said === 'wrong_code').length;
      const [status] = (await it.status(user, id)) as [string];
      if (status === 'processing') expect(counted).toBeLessThan(codeAttemptsMax);
      else expect([status, counted]).toEqual(['rejected', codeAttemptsMax]);
    }),
  );
  await it.expectSound();
});

test('the same request many times at once, under one key: held once', async () => {
  await it.payments.register('anna', card);
  await it.under.deposit('anna', 100);
  const tag = { key: 'again', digest: 'd' };
  const ask = () =>
    it.payments.once('anna', 'withdrawals', tag, async (tx) => {
      const result = await it.payments.request(tx, { userId: 'anna', asset: 'CNY', amount: 10 });
      const id = result.code === 'requested' ? result.withdrawal.id : undefined;
      return { status: 201, body: { id }, keep: id !== undefined };
    });
  const first = await Promise.all(Array.from({ length: 12 }, ask));
  const last = await ask();
  expect(last).toMatchObject({ code: 'answered', replayed: true });
  const answered = first.filter(({ code }) => code === 'answered');
  for (const one of answered)
    expect(one).toMatchObject({ body: last.code === 'answered' && last.body });
  expect(await it.account('anna')).toEqual({ balance: 90, held: 10 });
});

describe('card keys', () => {
  test('are rotated while payouts run: each goes to its card', { timeout: 60_000 }, async () => {
    const ids = await Promise.all(users.map((user) => it.processing(user, 10)));
    let isOver = false;
    const rotating = (async () => {
      for (let turn = 0; !isOver; turn += 1) {
        const current = keys[turn % keys.length]!;
        await rotateSealed(
          it.under.pool,
          new Vault([current, ...keys.filter((one) => one !== current)]),
        );
      }
    })();
    const steps = await Promise.all([...ids, ...ids].map((id) => it.pay(id)));
    isOver = true;
    await rotating;
    expect(steps.filter((step) => step === 'paid')).toHaveLength(ids.length);
    expect(it.alarms).toEqual([]);
    expect(it.bank.orders.map((order) => order.card)).toEqual(ids.map(() => card));
    await it.expectSound();
  });

  test('that are gone: what has ended is told as before, what waits says that a key is missing', async () => {
    const paid = await it.processing('anna', 10);
    const code = await it.codeOf(paid);
    await it.pay(paid);
    const expired = await it.requested('ben', 10);
    it.under.clock.now += codeValidMs;
    const waiting = await it.requested('cem', 10);
    const rejected = await it.requested('dee', 10);
    const right = await it.codeOf(rejected);
    for (let by = 1; by <= codeAttemptsMax; by += 1) {
      await it.payments.verify('dee', rejected, wrong(right, by));
    }
    const later = await another(0, [cardKey('k9', 9)]);
    const ended = { code: 'not_awaiting_verification' };
    expect(await later.verify('anna', paid, code)).toEqual(ended);
    expect(await later.verify('dee', rejected, wrong(right, codeAttemptsMax))).toEqual(ended);
    expect(await later.verify('ben', expired, code)).toEqual({ code: 'code_expired' });
    await expect(later.verify('cem', waiting, code)).rejects.toThrow(VaultError);
    expect(await it.account('cem')).toEqual({ balance: 0, held: 10 });
    expect((await later.withdrawal('anna', paid))?.status).toBe('paid');
  });
});

describe('clocks', () => {
  test('an hour apart drive one payout at the same time: it is paid once', async () => {
    const ids = await Promise.all(users.map((user) => it.processing(user, 10)));
    const ahead = await another(3_600_000);
    const behind = await another(-3_600_000);
    const deps = {
      bank: it.bank,
      observer: { alarm: (what: string) => void it.alarms.push(what) },
    };
    for (const id of ids) it.bank.payouts.push(() => ({ code: 'unknown', reason: id }));
    for (let turn = 0; turn < 4; turn += 1) {
      await Promise.all(
        ids.flatMap((id) => [
          it.pay(id),
          payOnce({ ...deps, payments: ahead }, id),
          payOnce({ ...deps, payments: behind }, id),
        ]),
      );
      it.under.clock.now += payoutLeaseMs;
    }
    for (const [i, user] of users.entries()) {
      expect(await it.status(user, ids[i]!)).toEqual(['paid', undefined]);
    }
    expect(it.bank.paid.size).toBe(ids.length);
    expect(it.became.filter((status) => status === 'paid').length).toBeLessThanOrEqual(ids.length);
    await it.expectSound();
  });

  test('that step by an hour give nobody a second code, nor a second day', async () => {
    await it.close();
    it = await paymentUnderTest({ dayAmountMax: 10 }, keys);
    await it.payments.register('anna', card);
    await it.under.deposit('anna', 100);
    const full = { code: 'withdrawal_limit', limit: { name: 'day_amount', value: 10 } };
    const first = await it.request('anna', 10);
    const { id } = (first as { withdrawal: { id: string } }).withdrawal;
    const code = await it.codeOf(id);
    it.under.clock.now -= 3_600_000;
    expect(await it.request('anna', 1)).toEqual(full);
    expect(await it.codeOf(id)).toBe(code);
    expect((await it.payments.verify('anna', id, code)).code).toBe('verified');
    // Any 24 hours, not a day of some calendar: 24 hours to the millisecond.
    it.under.clock.now += 3_600_000 + withdrawalDayMs - 1;
    expect(await it.request('anna', 1)).toEqual(full);
    it.under.clock.now += 1;
    expect((await it.request('anna', 10)).code).toBe('requested');
    it.under.clock.now -= 3_600_000;
    expect(await it.request('anna', 1)).toEqual(full);
    await it.expectSound();
  });
});

test('a withdrawal whose account is damaged does not keep the others waiting', async () => {
  await it.requested('anna', 10);
  const good = await it.requested('ben', 10);
  await it.under.pool.query(`UPDATE account SET held = 0 WHERE owner = 'user:anna'`);
  it.under.clock.now += codeValidMs;
  // It is named, each time, and the others have ended.
  await expect(it.payments.expireCodes(10)).rejects.toThrow();
  await expect(it.payments.expireCodes(10)).rejects.toThrow();
  expect(await it.status('ben', good)).toEqual(['rejected', 'code_expired']);
  expect(await it.account('ben')).toEqual({ balance: 10, held: 0 });
});

test(
  'connections that break between any two statements leave all or nothing',
  { timeout: 90_000 },
  async () => {
    let isOver = false;
    const breaking = (async () => {
      while (!isOver) {
        await it.under.pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'hongbao-payment' AND datname = current_database() AND random() < 0.3`,
        );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    let broken = 0;
    /** As a client does whose answer was lost. */
    const again = async <Value>(ask: () => Promise<Value>): Promise<Value> => {
      for (let turn = 0; ; turn += 1) {
        try {
          return await ask();
        } catch (error) {
          broken += 1;
          if (turn > 200) throw error;
        }
      }
    };
    const ids = await Promise.all(
      users.map(async (user) => {
        await again(() => it.payments.register(user, card));
        await it.under.deposit(user, 30);
        const tag = { key: `key-${user}`, digest: 'd' };
        const answer = await again(() =>
          it.payments.once(user, 'withdrawals', tag, async (tx) => {
            const result = await it.payments.request(tx, {
              userId: user,
              asset: 'CNY',
              amount: 10,
            });
            if (result.code !== 'requested') throw new Error(result.code);
            return { status: 201, body: { id: result.withdrawal.id }, keep: true };
          }),
        );
        if (answer.code !== 'answered') throw new Error(answer.code);
        const { id } = answer.body as { id: string };
        const code = new Vault(keys).code('k1', id);
        const verified = await again(() => it.payments.verify(user, id, code));
        expect(verified.code).toBe('verified');
        return id;
      }),
    );
    const end = async (user: string, id: string) => {
      for (;;) {
        await again(() => it.pay(id));
        const [status] = (await again(() => it.status(user, id))) as [string];
        if (status === 'paid') return;
        it.under.clock.now += payoutLeaseMs;
      }
    };
    await Promise.all(users.map((user, i) => end(user, ids[i]!)));
    isOver = true;
    await breaking;
    expect(broken).toBeGreaterThan(10);
    expect(it.bank.paid.size).toBe(users.length);
    const { rows } = await it.under.pool.query('SELECT id FROM withdrawal');
    expect(rows).toHaveLength(users.length);
    for (const user of users) expect(await it.account(user)).toEqual({ balance: 20, held: 0 });
    await it.expectSound();
  },
);
