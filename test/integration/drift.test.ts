/**
 * Drift: every table is damaged column by column behind the engine's back; the audit and the metric of the periodic
 * reconciliation find each. Guards (by telling) invariants 1, 5 and 6.
 */
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchEvent } from '../../engine/core/types.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { startHousekeeping } from '../../workers/housekeeping.ts';
import { booksUnderTest, type BooksUnderTest } from './books-support.ts';
import { until } from './faults-support.ts';

let under: BooksUnderTest;
const tables = ['batch', 'packet', 'event', 'entry', 'account', 'deposit', 'receiver'] as const;

beforeAll(async () => {
  under = await booksUnderTest();
  await under.deposit('sender', 1_000);
  await under.deposit('sender', 500, { asset: 'points' });
  const open = await under.active('sender', { count: 3, total: 30 });
  const ended = await under.active('sender', { count: 2, total: 20, asset: 'points' });
  const at = under.clock.now;
  const claim = { kind: 'claimed', at, tag: undefined, position: undefined } as const;
  const events: BatchEvent[] = [
    {
      kind: 'audience',
      batchId: open,
      version: 1,
      at,
      channel: 'qr',
      anyone: true,
      receivers: ['cem'],
    },
    { ...claim, batchId: open, version: 2, packet: 1, receiverId: 'ann', amount: 12 },
    { ...claim, batchId: open, version: 3, packet: 2, receiverId: 'bob', amount: undefined },
    {
      kind: 'opened',
      batchId: open,
      version: 4,
      at: at + 1,
      packet: 2,
      receiverId: 'bob',
      amount: 4,
    },
    { ...claim, batchId: ended, version: 1, packet: 1, receiverId: 'ann', amount: 7 },
    { kind: 'expired', batchId: ended, version: 2, at, refunded: 13 },
  ];
  await under.settle(events);
  for (const table of tables)
    await under.pool.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
});
afterAll(() => under.close());

async function restore(table: string): Promise<void> {
  await under.pool.query(`TRUNCATE ${table}`);
  await under.pool.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`);
}

/** Column by column: what it is changed to, in one row. */
const damages: Record<(typeof tables)[number], { where: string; columns: Record<string, string> }> =
  {
    batch: {
      where: "asset = 'CNY'",
      columns: {
        id: 'id + 5000',
        total: 'total + 1',
        asset: "'points'",
        sender: "'eve'",
        claimed: 'claimed + 1',
        opened: 'opened - 1',
        opened_amount: 'opened_amount + 1',
        refunded_amount: '1',
        version: 'version + 1',
        receivers: 'receivers + 1',
        best_amount: 'best_amount + 1',
        best_packet: '2',
        expired_at: '1',
        confirmed_at: 'NULL',
        anyone: 'false',
        ended: 'true',
        last_event_at: 'last_event_at - 1',
      },
    },
    packet: {
      where: "receiver = 'bob'",
      columns: {
        batch: 'batch + 5000',
        packet: 'packet + 1',
        receiver: "'eve'",
        amount: 'amount + 1',
        claimed_at: 'claimed_at + 1',
        opened_at: 'opened_at + 1',
        opened_by_claim: 'NOT opened_by_claim',
      },
    },
    event: {
      where: "receiver = 'bob' AND kind = 2",
      columns: {
        batch: 'batch + 5000',
        version: 'version + 1',
        kind: '1',
        packet: 'packet + 1',
        amount: 'amount + 1',
        receiver: "'eve'",
        at: 'at + 1',
      },
    },
    entry: {
      where: "owner = 'user:bob'",
      columns: {
        owner: "'user:eve'",
        asset: "'points'",
        amount: 'amount + 1',
        transfer: 'transfer + 1000',
        batch: 'batch + 5000',
        version: 'version + 1',
        kind: '4',
      },
    },
    account: {
      where: "owner = 'user:bob'",
      columns: { owner: "'user:eve'", asset: "'points'", balance: 'balance + 1', held: '1' },
    },
    deposit: {
      where: "asset = 'CNY'",
      columns: {
        user_id: "'eve'",
        asset: "'gems'",
        amount: 'amount + 1',
        transfer: 'transfer + 1000',
      },
    },
    receiver: { where: "user_id = 'cem'", columns: { batch: 'batch + 5000', user_id: "'eve'" } },
  };

describe.each(tables)('%s', (table) => {
  const { where, columns } = damages[table];
  it.each(Object.entries(columns))(`%s changed`, async (column, to) => {
    const { rowCount } = await under.pool.query(
      `UPDATE ${table} SET ${column} = ${to} WHERE ${where}`,
    );
    expect(rowCount).toBe(1);
    const { mismatches } = await under.books.audit();
    await restore(table);
    expect(mismatches).toBeGreaterThan(0);
  });

  it('a row lost', async () => {
    const { rowCount } = await under.pool.query(`DELETE FROM ${table} WHERE ${where}`);
    expect(rowCount).toBe(1);
    const { mismatches } = await under.books.audit();
    await restore(table);
    expect(mismatches).toBeGreaterThan(0);
  });
});

it('all is well again after each', async () => {
  expect((await under.books.audit()).mismatches).toBe(0);
});

it('the periodic reconciliation raises metrics and an alarm', async () => {
  const registry = new Registry();
  const alarms: string[] = [];
  const value = async (name: string) =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  const stop = startHousekeeping({
    books: under.books,
    journal: { depth: () => Promise.resolve(0) } as never,
    observer: { ...silentObserver, alarm: (what) => alarms.push(what) },
    registry,
    auditEveryMs: 20,
  });
  try {
    await until(
      'an audit is done',
      async () => Number(await value('hongbao_audit_timestamp_seconds')) > 0,
    );
    expect(await value('hongbao_ledger_mismatches')).toBe(0);
    expect(alarms).toEqual([]);
    await under.pool.query("UPDATE entry SET amount = amount + 1 WHERE owner = 'user:bob'");
    await under.pool.query('UPDATE batch SET quarantined = true');
    await until(
      'it is found',
      async () => (await value('hongbao_conservation_difference_units')) === 1,
    );
    expect(Number(await value('hongbao_ledger_mismatches'))).toBeGreaterThan(0);
    expect(await value('hongbao_quarantined_batches')).toBe(2);
    expect(alarms).toContain('conservation');
  } finally {
    await stop();
    await restore('entry');
    await restore('batch');
  }
});
