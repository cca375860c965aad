/** The audit finds every kind of damage to withdrawals, each in its own records. Guards invariant 1. (E17) */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { paymentUnderTest, type PaymentUnderTest } from './payment-support.ts';

let it: PaymentUnderTest;
const ids: Record<string, string> = {};
beforeEach(async () => {
  it = await paymentUnderTest();
  ids['awaiting'] = await it.requested('anna', 1);
  ids['processing'] = await it.processing('ben', 20);
  ids['paid'] = await it.processing('cem', 300);
  await it.pay(ids['paid']);
  ids['failed'] = await it.processing('dee', 4_000);
  it.bank.payouts.push(() => ({ code: 'failed', reason: 'account_closed' }));
  await it.pay(ids['failed']);
});
afterEach(() => it.close());

test('an undamaged ledger adds up, in flight and paid out from the withdrawals', async () => {
  expect(await it.under.books.audit()).toEqual({
    assets: [
      {
        asset: 'CNY',
        issued: 4_321,
        users: 4_001,
        escrow: 0,
        inFlight: 20,
        paidOut: 300,
        difference: 0,
      },
    ],
    mismatches: 0,
  });
});

/** `difference`: where money is off between columns; mismatches always. `$1`: the withdrawal named by `of`. */
const damages: Record<string, { sql: string; of?: string; difference: number }> = {
  'a held amount': { sql: "UPDATE account SET held = 2 WHERE owner = 'user:anna'", difference: 0 },
  'an amount held for nothing': {
    sql: "UPDATE account SET held = 1, balance = balance - 1 WHERE owner = 'user:dee'",
    difference: 0,
  },
  'an awaited amount': {
    sql: 'UPDATE withdrawal SET amount = 2 WHERE id = $1',
    of: 'awaiting',
    difference: 0,
  },
  'a lost request': { sql: 'DELETE FROM withdrawal WHERE id = $1', of: 'awaiting', difference: 0 },
  'an amount in flight': {
    sql: 'UPDATE withdrawal SET amount = 21 WHERE id = $1',
    of: 'processing',
    difference: -1,
  },
  'an amount paid': {
    sql: 'UPDATE withdrawal SET amount = 299 WHERE id = $1',
    of: 'paid',
    difference: 1,
  },
  'an amount given back': {
    sql: 'UPDATE withdrawal SET amount = 3999 WHERE id = $1',
    of: 'failed',
    difference: 0,
  },
  'a lost payout': { sql: 'DELETE FROM withdrawal WHERE id = $1', of: 'paid', difference: 300 },
  'a payout shown as failed': {
    sql: "UPDATE withdrawal SET status = 4, reason = 'x' WHERE id = $1",
    of: 'paid',
    difference: 300,
  },
  'a failure shown as paid': {
    sql: 'UPDATE withdrawal SET status = 3, reason = NULL WHERE id = $1',
    of: 'failed',
    difference: -4_000,
  },
  'another user': {
    sql: "UPDATE withdrawal SET user_id = 'eve' WHERE id = $1",
    of: 'processing',
    difference: 0,
  },
  'another asset': {
    sql: "UPDATE withdrawal SET asset = 'points' WHERE id = $1",
    of: 'paid',
    difference: 0,
  },
  'another transfer': {
    sql: 'UPDATE withdrawal SET taken_transfer = 7 WHERE id = $1',
    of: 'paid',
    difference: 0,
  },
  'an entry in flight': {
    sql: "UPDATE entry SET amount = amount + 1 WHERE owner = 'outside:in-flight' AND amount = 20",
    difference: 0,
  },
  'a lost entry paid out': {
    sql: "DELETE FROM entry WHERE owner = 'outside:paid-out'",
    difference: 0,
  },
  'a user’s entry': {
    sql: "UPDATE entry SET amount = -19 WHERE owner = 'user:ben' AND kind = 5",
    difference: -1,
  },
  'an entry’s kind': {
    sql: "UPDATE entry SET kind = 7 WHERE owner = 'user:ben' AND kind = 5",
    difference: 0,
  },
  'an account in flight': {
    sql: "UPDATE account SET balance = balance + 1 WHERE owner = 'outside:in-flight'",
    difference: 0,
  },
  'a lost account paid out': {
    sql: "DELETE FROM account WHERE owner = 'outside:paid-out'",
    difference: 0,
  },
};

for (const [what, { sql, of, difference }] of Object.entries(damages)) {
  test(`it finds ${what}`, async () => {
    const { rowCount } = await it.under.pool.query(sql, of === undefined ? [] : [ids[of]]);
    expect(rowCount).toBe(1);
    const audit = await it.under.books.audit();
    expect(audit.mismatches).toBeGreaterThan(0);
    const off = audit.assets.reduce((sum, asset) => sum + asset.difference, 0);
    expect(off).toBe(difference);
  });
}
