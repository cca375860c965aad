/** The audit finds every kind of damage, each in its own records. Guards invariant 1. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BatchEvent } from '../../engine/core/types.ts';
import { booksUnderTest, type BooksUnderTest } from './books-support.ts';

let under: BooksUnderTest;
let id: string;
beforeEach(async () => {
  under = await booksUnderTest();
  await under.deposit('sender', 1_000);
  await under.deposit('sender', 500, { asset: 'points' });
  const draft = await under.create('sender');
  await under.books.addAudience(draft, 'sender', 'im', ['ann', 'bob'], false);
  id = await under.active('sender', { count: 3, total: 30 });
  const ended = await under.active('sender', { count: 2, total: 20, asset: 'points' });
  const base = { at: under.clock.now, tag: undefined, position: undefined };
  const events: BatchEvent[] = [
    { kind: 'claimed', batchId: id, version: 1, packet: 1, receiverId: 'ann', amount: 12, ...base },
    {
      kind: 'claimed',
      batchId: id,
      version: 2,
      packet: 2,
      receiverId: 'bob',
      amount: undefined,
      ...base,
    },
    {
      kind: 'audience',
      batchId: id,
      version: 3,
      at: base.at,
      channel: 'qr',
      anyone: true,
      receivers: ['cem'],
    },
    {
      kind: 'opened',
      batchId: id,
      version: 4,
      at: base.at,
      packet: 2,
      receiverId: 'bob',
      amount: 4,
    },
    {
      kind: 'claimed',
      batchId: ended,
      version: 1,
      packet: 1,
      receiverId: 'ann',
      amount: 7,
      ...base,
    },
    { kind: 'expired', batchId: ended, version: 2, at: base.at, refunded: 13 },
  ];
  await under.settle(events);
});
afterEach(() => under.close());

test('an undamaged ledger adds up, each column from its own records', async () => {
  expect(await under.books.audit()).toEqual({
    assets: [
      {
        asset: 'CNY',
        issued: 1_000,
        users: 986,
        escrow: 14,
        inFlight: 0,
        paidOut: 0,
        difference: 0,
      },
      {
        asset: 'points',
        issued: 500,
        users: 500,
        escrow: 0,
        inFlight: 0,
        paidOut: 0,
        difference: 0,
      },
    ],
    mismatches: 0,
  });
});

/** Each leaves a sign in the audit: `difference` where money is off between columns, mismatches always. */
const damages: Record<string, { sql: string; difference: number }> = {
  'a balance': {
    sql: "UPDATE account SET balance = balance + 1 WHERE owner = 'user:ann' AND asset = 'CNY'",
    difference: 0,
  },
  'a held amount': {
    sql: "UPDATE account SET held = 1 WHERE owner = 'user:ann' AND asset = 'CNY'",
    difference: 0,
  },
  'a lost account': { sql: "DELETE FROM account WHERE owner = 'user:bob'", difference: 0 },
  'an escrow balance': {
    sql: "UPDATE account SET balance = balance + 1 WHERE owner = 'escrow:1002' OR owner = 'escrow:' || $1",
    difference: 0,
  },
  'an invented escrow': {
    sql: "INSERT INTO account (owner, asset, balance) VALUES ('escrow:7777', 'CNY', 0)",
    difference: 0,
  },
  'an entry': {
    sql: "UPDATE entry SET amount = amount + 1 WHERE owner = 'user:ann' AND batch = $1",
    difference: -1,
  },
  'a lost entry': { sql: "DELETE FROM entry WHERE owner = 'user:bob'", difference: 4 },
  'a deposit': { sql: "UPDATE deposit SET amount = amount + 1 WHERE asset = 'CNY'", difference: 1 },
  'a lost deposit': { sql: "DELETE FROM deposit WHERE asset = 'CNY'", difference: -1_000 },
  'a deposit’s user': {
    sql: "UPDATE deposit SET user_id = 'eve' WHERE asset = 'CNY'",
    difference: 0,
  },
  'a packet’s amount': {
    sql: 'UPDATE packet SET amount = amount + 1 WHERE batch = $1 AND packet = 1',
    difference: 1,
  },
  'a packet’s receiver': {
    sql: "UPDATE packet SET receiver = 'eve' WHERE batch = $1 AND packet = 1",
    difference: 0,
  },
  'a lost packet': { sql: 'DELETE FROM packet WHERE batch = $1 AND packet = 2', difference: -4 },
  'an event’s amount': {
    sql: 'UPDATE event SET amount = amount + 1 WHERE batch = $1 AND version = 4',
    difference: 0,
  },
  'an event’s receiver': {
    sql: "UPDATE event SET receiver = 'eve' WHERE batch = $1 AND version = 1",
    difference: 0,
  },
  'a lost event': { sql: 'DELETE FROM event WHERE batch = $1 AND version = 3', difference: 0 },
  'a refund’s event': { sql: 'UPDATE event SET amount = 12 WHERE kind = 4', difference: 0 },
  'a batch’s counter': { sql: 'UPDATE batch SET claimed = 3 WHERE id = $1', difference: 0 },
  'a batch’s version': { sql: 'UPDATE batch SET version = 5 WHERE id = $1', difference: 0 },
  'a batch’s total': { sql: 'UPDATE batch SET total = total + 1 WHERE id = $1', difference: -1 },
  'a batch’s refund': {
    sql: 'UPDATE batch SET refunded_amount = 12 WHERE refunded_amount = 13',
    difference: -1,
  },
  'a lost batch': { sql: 'DELETE FROM batch WHERE id = $1', difference: 14 },
  'a listed receiver': {
    sql: "DELETE FROM receiver WHERE user_id = 'cem' AND batch = $1",
    difference: 0,
  },
};

for (const [what, { sql, difference }] of Object.entries(damages)) {
  test(`it finds ${what}`, async () => {
    const { rowCount } = await under.pool.query(sql, sql.includes('$1') ? [id] : []);
    expect(rowCount).toBe(1);
    const audit = await under.books.audit();
    expect(audit.mismatches).toBeGreaterThan(0);
    expect(audit.assets.reduce((sum, asset) => sum + asset.difference, 0)).toBe(difference);
  });
}

test('of the periodic audits one runs at a time, also after one that failed', async () => {
  const whole = await under.books.audit();
  const results = await Promise.all(Array.from({ length: 4 }, () => under.books.auditAlone()));
  expect(results.filter((result) => result !== undefined).length).toBeGreaterThanOrEqual(1);

  const elsewhere = await under.pool.connect();
  try {
    await elsewhere.query('BEGIN');
    await elsewhere.query('SELECT pg_advisory_xact_lock(7261936)');
    expect(await under.books.auditAlone()).toBeUndefined();
    expect(await under.books.audit()).toEqual(whole);
    await elsewhere.query('ROLLBACK');
    expect(await under.books.auditAlone()).toEqual(whole);
  } finally {
    elsewhere.release(true);
  }
});
