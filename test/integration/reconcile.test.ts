/** Reconciliation finds every difference that can be made, and nothing where all is well. Guards invariant 1. (E17) */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BankLine } from '../../engine/bank/sandbox-books.ts';
import { payoutPendingMsMax, payoutRetryMsMax, reconcileGraceMs } from '../../engine/limits.ts';
import { BankUnavailable, type ListedPayout } from '../../engine/ports/bank.ts';
import type { DifferenceKind } from '../../engine/reconcile/difference.ts';
import { reconcilingUnderTest, type ReconcilingUnderTest } from './reconcile-support.ts';

const lateMs = 600_000;
const longMs = reconcileGraceMs + payoutRetryMsMax + 1;

let it: ReconcilingUnderTest;
/** A withdrawal in each state, and a batch with a packet opened. */
const ids: Record<string, string> = {};
beforeEach(async () => {
  it = await reconcilingUnderTest();
  ids['awaiting'] = await it.requested('anna', 1);
  ids['paid'] = await it.processing('cem', 300);
  ids['failed'] = await it.processing('dee', 4_000);
  ids['processing'] = await it.processing('ben', 20);
  await it.payAt(ids['paid']);
  it.bankHere.faults.add({ kind: 'refuse', id: ids['failed'] });
  await it.payAt(ids['failed']);
  it.bankHere.faults.add({ kind: 'late', delayMs: lateMs, id: ids['processing'] });
  await it.payAt(ids['processing']);
  await it.under.deposit('eve', 1_000);
  const batchId = (ids['batch'] = await it.under.active('eve', { count: 3, total: 30 }));
  const opened = { kind: 'claimed', packet: 1, receiverId: 'fay', amount: 7 } as const;
  const plain = {
    batchId,
    version: 1,
    at: it.under.clock.now,
    tag: undefined,
    position: undefined,
  };
  await it.under.settle([{ ...opened, ...plain }]);
});
afterEach(() => it.close());

const later = (ms: number) => void (it.under.clock.now += ms);
const at = () => it.under.clock.now;

test('where all is well it finds nothing, then and later', async () => {
  const { differences, withdrawals, listed, unasked } = await it.compare();
  expect(differences).toEqual([]);
  expect({ withdrawals, listed, unasked }).toEqual({ withdrawals: 3, listed: 3, unasked: 0 });
  expect(await it.audited()).toEqual([]);
  later(lateMs);
  await it.payAt(ids['processing']!);
  later(longMs);
  expect(await it.kinds()).toEqual([]);
  expect(await it.audited()).toEqual([]);
});

/** What the bank has, done behind the server's back; then so much time. */
const atTheBank: Record<
  string,
  { readonly make: () => void | Promise<unknown>; waitMs?: number; finds: DifferenceKind[] }
> = {
  'paid there, under way here': { make: () => undefined, finds: ['paid_only_there'] },
  'refused there, under way here': {
    make: () => it.rewrite((lines) => changed(lines, 'processing', { refusal: 'account_closed' })),
    finds: ['failed_only_there'],
  },
  'paid here, not known there': {
    make: () => it.rewrite((lines) => lines.filter((one) => idOf(one) !== ids['paid'])),
    finds: ['paid_only_here'],
  },
  'paid here, refused there': {
    make: () => it.rewrite((lines) => changed(lines, 'paid', { refusal: 'account_closed' })),
    finds: ['paid_only_here'],
  },
  'paid here, under way there': {
    make: () => it.rewrite((lines) => changed(lines, 'paid', { decidedAt: at() + 10 * longMs })),
    finds: ['paid_only_here'],
  },
  'given back here, paid there': {
    make: () => it.rewrite((lines) => changed(lines, 'failed', { refusal: undefined })),
    finds: ['failed_here_paid_there'],
  },
  'given back here, under way there': {
    make: () => it.rewrite((lines) => changed(lines, 'failed', { decidedAt: at() + 10 * longMs })),
    finds: ['failed_here_pending_there'],
  },
  'another amount': {
    make: () => it.rewrite((lines) => changed(lines, 'paid', { amount: 301 })),
    finds: ['amount_differs'],
  },
  'another asset': {
    make: () => it.rewrite((lines) => changed(lines, 'paid', { asset: 'points' })),
    finds: ['amount_differs'],
  },
  'paid twice': {
    make: () => it.rewrite((lines) => [...lines, again(lines, 'paid', { at: at() + 5 })]),
    finds: ['paid_twice'],
  },
  'paid a second time, and more': {
    make: () => it.rewrite((lines) => [...lines, again(lines, 'paid', { amount: 900 })]),
    finds: ['amount_differs', 'paid_twice'],
  },
  'an unknown order': {
    make: () => order(randomUUID(), 77),
    finds: ['unknown_here'],
  },
  'an order with an id that is none of ours': {
    make: () => order('=cmd|"/c calc"!A1\0', 77),
    finds: ['unknown_here'],
  },
  'an order of what awaits its code': {
    make: () => order(ids['awaiting']!, 1),
    finds: ['not_ordered'],
  },
  'an order of what was rejected': {
    make: async () => {
      later(lateMs);
      await it.payments.expireCodes(10);
      order(ids['awaiting']!, 1);
    },
    finds: ['not_ordered'],
  },
  'nobody decides': {
    make: () => it.rewrite((lines) => changed(lines, 'processing', { decidedAt: at() + 1e9 })),
    waitMs: payoutPendingMsMax + 1,
    finds: ['pending_too_long'],
  },
  'nobody ever heard of what is under way': {
    make: () => it.rewrite((lines) => lines.filter((one) => idOf(one) !== ids['processing'])),
    waitMs: payoutPendingMsMax + 1,
    finds: ['pending_too_long'],
  },
};

const idOf = (line: BankLine) => (line.line === 'order' ? line.order.id : undefined);

type OrderLine = BankLine & { readonly line: 'order' };

function again(lines: BankLine[], of: string, parts: Partial<OrderLine['order']>): BankLine {
  const line = lines.find((one) => idOf(one) === ids[of]) as OrderLine;
  return { line: 'order', order: { ...line.order, ...parts } };
}

function changed(lines: BankLine[], of: string, parts: Partial<OrderLine['order']>): BankLine[] {
  return lines.map((one) => (idOf(one) === ids[of] ? again(lines, of, parts) : one));
}

function order(id: string, amount: number): void {
  it.bankHere.books.order({ id, asset: 'CNY', amount, last4: '0128' });
}

describe('with the bank it finds', () => {
  for (const [what, { make, waitMs = longMs, finds }] of Object.entries(atTheBank)) {
    test(what, async () => {
      await make();
      later(waitMs);
      const found = await it.kinds();
      // What is under way is paid meanwhile wherever a test is about something else.
      const beside = finds.some((kind) => /^(paid_only_there|failed_only|pending)/.test(kind));
      expect(found).toEqual(beside ? finds : [...finds, 'paid_only_there'].toSorted());
      expect(await it.audited()).toEqual([]);
    });
  }

  test('each with what both sides say', async () => {
    it.rewrite((lines) => [
      ...changed(lines, 'paid', { amount: 301 }),
      again(lines, 'failed', { refusal: undefined, at: at() + 1 }),
      again(lines, 'failed', { refusal: undefined, at: at() + 2 }),
    ]);
    later(longMs);
    const { differences } = await it.compare();
    const since = expect.any(Number) as number;
    const common = { account: '', asset: 'CNY', since };
    expect(differences).toHaveLength(4);
    expect(differences).toEqual(
      expect.arrayContaining([
        {
          ...common,
          kind: 'paid_twice',
          id: ids['failed'],
          here: 'failed',
          there: 'paid',
          amountHere: 4_000,
          amountThere: 8_000,
        },
        {
          ...common,
          kind: 'amount_differs',
          id: ids['paid'],
          here: 'paid',
          there: 'paid',
          amountHere: 300,
          amountThere: 301,
        },
        expect.objectContaining({ kind: 'paid_only_there', id: ids['processing'] }),
      ]),
    );
  });
});

/** `$1`: the id named by `of`. */
const inTheBooks: Record<string, { sql: string; of?: string; finds: DifferenceKind[] }> = {
  'a withdrawal without its transfer': {
    sql: `DELETE FROM entry WHERE transfer = (SELECT taken_transfer FROM withdrawal WHERE id = $1)`,
    of: 'processing',
    finds: ['transfer_missing', 'transfer_missing'],
  },
  'a payout without its transfer': {
    sql: `DELETE FROM entry WHERE transfer = (SELECT ended_transfer FROM withdrawal WHERE id = $1)`,
    of: 'paid',
    finds: ['transfer_missing', 'transfer_missing'],
  },
  'money given back that never came': {
    sql: `DELETE FROM entry WHERE owner = 'user:dee' AND kind = 7`,
    finds: ['transfer_missing'],
  },
  'a transfer of another amount': {
    sql: `UPDATE entry SET amount = sign(amount) * 21
      WHERE transfer = (SELECT taken_transfer FROM withdrawal WHERE id = $1)`,
    of: 'processing',
    finds: ['transfer_differs', 'transfer_differs'],
  },
  'a transfer of another user': {
    sql: `UPDATE entry SET owner = 'user:eve' WHERE owner = 'user:ben' AND kind = 5`,
    finds: ['transfer_missing', 'transfer_unknown'],
  },
  'a transfer of nobody': {
    sql: `INSERT INTO entry (id, transfer, owner, asset, amount, kind, at)
      VALUES (1, 1, 'outside:paid-out', 'CNY', 5, 6, 0), (2, 1, 'user:eve', 'CNY', -5, 5, 0)`,
    finds: ['transfer_unknown', 'transfer_unknown'],
  },
  'more held than requested': {
    sql: `UPDATE account SET held = held + 1, balance = balance - 1 WHERE owner = 'user:eve'`,
    finds: ['held_differs'],
  },
  'less held than requested': {
    sql: `UPDATE account SET held = 0, balance = balance + 1 WHERE owner = 'user:anna'`,
    finds: ['held_differs'],
  },
  'an account in flight': {
    sql: `UPDATE account SET balance = balance - 1 WHERE owner = 'outside:in-flight'`,
    finds: ['in_flight_differs'],
  },
  'an account paid out': {
    sql: `DELETE FROM account WHERE owner = 'outside:paid-out'`,
    finds: ['paid_out_differs'],
  },
  'an escrow that holds too much': {
    sql: `UPDATE account SET balance = balance + 2 WHERE owner = 'escrow:' || $1`,
    of: 'batch',
    finds: ['escrow_differs'],
  },
  'a packet of another amount': {
    sql: 'UPDATE packet SET amount = amount + 1 WHERE batch = $1',
    of: 'batch',
    finds: ['escrow_differs'],
  },
  'a lost packet': {
    sql: 'DELETE FROM packet WHERE batch = $1',
    of: 'batch',
    finds: ['escrow_differs'],
  },
  'an escrow of no batch': {
    sql: `UPDATE account SET owner = 'escrow:4711' WHERE owner = 'escrow:' || $1`,
    of: 'batch',
    finds: ['escrow_differs', 'escrow_differs'],
  },
  'a withdrawal of another amount': {
    sql: 'UPDATE withdrawal SET amount = 299 WHERE id = $1',
    of: 'paid',
    finds: [
      'amount_differs',
      'paid_out_differs',
      'transfer_differs',
      'transfer_differs',
      'transfer_differs',
      'transfer_differs',
    ],
  },
  'a lost withdrawal': {
    sql: 'DELETE FROM withdrawal WHERE id = $1',
    of: 'paid',
    finds: [
      'paid_out_differs',
      'transfer_unknown',
      'transfer_unknown',
      'transfer_unknown',
      'transfer_unknown',
      'unknown_here',
    ],
  },
  'a failure shown as paid': {
    sql: 'UPDATE withdrawal SET status = 3, reason = NULL WHERE id = $1',
    of: 'failed',
    finds: [
      'paid_only_here',
      'paid_out_differs',
      'transfer_missing',
      'transfer_missing',
      'transfer_unknown',
      'transfer_unknown',
    ],
  },
};

describe('in the books it finds', () => {
  for (const [what, { sql, of, finds }] of Object.entries(inTheBooks)) {
    test(what, async () => {
      later(lateMs);
      await it.payAt(ids['awaiting']!);
      const { rowCount } = await it.under.pool.query(sql, of === undefined ? [] : [ids[of]]);
      expect(rowCount).toBeGreaterThan(0);
      later(1);
      expect(await it.kinds()).toEqual(finds);
      // The audit, which reads other records, agrees that something is wrong.
      expect((await it.audited()).length).toBeGreaterThan(0);
    });
  }

  test('each with its account and both amounts', async () => {
    await it.under.pool.query(`UPDATE account SET held = 3 WHERE owner = 'user:anna'`);
    await it.under.pool.query(
      `UPDATE entry SET amount = -21 WHERE owner = 'user:ben' AND kind = 5`,
    );
    const { differences } = await it.compare();
    const common = { asset: 'CNY', there: '' };
    expect(differences).toEqual([
      {
        ...common,
        kind: 'transfer_differs',
        id: ids['processing'],
        account: 'user:ben',
        here: 'processing',
        amountHere: -20,
        amountThere: -21,
        since: at(),
      },
      {
        ...common,
        kind: 'held_differs',
        id: '',
        account: 'user:anna',
        here: 'awaiting_verification',
        amountHere: 1,
        amountThere: 3,
        since: at(),
      },
    ]);
  });
});

describe('patience', () => {
  test('either side may be ahead for a while', async () => {
    it.rewrite((lines) => lines.filter((one) => idOf(one) === ids['processing']));
    later(1);
    expect(await it.kinds()).toEqual([]);
    const strict = { graceMs: 0, pendingMsMax: 0 };
    expect(await it.kinds(strict)).toEqual(['paid_only_here', 'pending_too_long']);
    later(reconcileGraceMs + 1);
    expect(await it.kinds()).toEqual(['paid_only_here']);
  });

  test('the list may be behind what the bank says when asked', async () => {
    later(longMs);
    await it.payAt(ids['processing']!);
    later(longMs);
    const { bank } = it.bankHere;
    async function* behind(from: number, until: number): AsyncGenerator<ListedPayout> {
      for await (const one of bank.list(from, until)) yield { ...one, state: 'pending' };
    }
    const { differences } = await it.compare({}, { query: (id) => bank.query(id), list: behind });
    expect(differences).toEqual([]);
    const mute = () => Promise.resolve({ code: 'unknown', reason: 'silent' } as const);
    const unasked = await it.compare({}, { query: mute, list: behind });
    expect(unasked.differences.map(({ kind }) => kind).toSorted()).toEqual([
      'failed_here_pending_there',
      'paid_only_here',
      'paid_only_here',
    ]);
  });

  test('what is paid while a long list is read is no difference', async () => {
    const late = await it.processing('gus', 9);
    const { bank } = it.bankHere;
    async function* long(from: number, until: number): AsyncGenerator<ListedPayout> {
      const items: ListedPayout[] = [];
      for await (const item of bank.list(from, until)) items.push(item);
      await it.payAt(late);
      later(longMs);
      yield* items;
    }
    const input = { until: at() + 10 * longMs };
    const asked = { query: bank.query.bind(bank), list: long };
    expect((await it.compare(input, asked)).differences).toEqual([]);
    expect(await it.status('gus', late)).toEqual(['paid', undefined]);
  });

  test('what ends while the bank is asked is no difference', async () => {
    later(longMs);
    const { bank } = it.bankHere;
    const query = async (id: string) => {
      const said = await bank.query(id);
      await it.payAt(id);
      return said;
    };
    const { differences } = await it.compare({}, { query, list: bank.list.bind(bank) });
    expect(differences).toEqual([]);
    expect(await it.status('ben', ids['processing']!)).toEqual(['paid', undefined]);
  });
});

describe('a time span', () => {
  test('holds what left and ended in it, what is under way, and what the list names', async () => {
    const first = at();
    later(longMs);
    await it.payAt(ids['processing']!);
    later(10 * longMs);
    const from = at();
    const late = await it.processing('gus', 9);
    await it.payAt(late);
    const waiting = await it.processing('hal', 8);
    it.bankHere.faults.add({ kind: 'silent_before', id: waiting });
    await it.payAt(waiting);
    later(1);
    expect(await it.compare({ from })).toMatchObject({ withdrawals: 2, listed: 1 });
    expect(await it.compare({ until: first + longMs })).toMatchObject({
      withdrawals: 4,
      listed: 3,
    });
    expect(await it.compare({ from: 0 })).toMatchObject({ withdrawals: 5, listed: 4 });
    // At its edges nothing is missed that the list, which is a little wider, does not have.
    it.rewrite(() => []);
    later(longMs);
    const kindsFrom = async (start: number) =>
      (await it.compare({ from: start })).differences.map(({ id }) => id);
    expect(await kindsFrom(from)).toEqual([late]);
    expect(await kindsFrom(from + 1)).toEqual([]);
    expect(await kindsFrom(0)).toHaveLength(3);
  });
});

test('a list that cannot be read to its end says nothing', async () => {
  const { bank } = it.bankHere;
  async function* broken(from: number, until: number): AsyncGenerator<ListedPayout> {
    yield* bank.list(from, until);
    throw new BankUnavailable("the bank's list: status_500");
  }
  const comparing = it.compare({}, { query: (id) => bank.query(id), list: broken });
  await expect(comparing).rejects.toThrow(BankUnavailable);
});

test('a list that lacks what the bank says it has paid is not trusted', async () => {
  later(longMs);
  await it.payAt(ids['processing']!);
  later(longMs);
  it.bankHere.faults.add({ kind: 'stale', on: 'list' });
  expect(await it.kinds()).toEqual(['not_listed', 'not_listed']);
});

test('a list out of order that names payouts twice is read as it is meant', async () => {
  it.bankHere.faults.add({ kind: 'twice', on: 'list' });
  expect(await it.compare()).toMatchObject({ listed: 3, differences: [] });
});
