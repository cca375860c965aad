/** What is kept for a while only: names of deliveries, and what was not let in. Nothing of it grows for ever. (T7, T8) */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tradeDeliveriesKeptMs, tradeQuarantineKeptMs } from '../../engine/limits.ts';
import { purgeQuarantine } from '../../engine/trade-intake/quarantine.ts';
import { type IntakeUnderTest, intakeUnderTest } from './trade-support.ts';

let under: IntakeUnderTest;
beforeAll(async () => {
  under = await intakeUnderTest();
});
afterAll(() => under.close());

/** One row for each second from then on; names are those seconds. */
async function quarantined(from: number, rows: number) {
  await under.pool.query(
    `INSERT INTO trade_quarantine (at, path, platform, reason, trade_id, digest)
     SELECT $1::bigint + 1000 * i, 'push', 'mall', 'price', i::text, sha256(convert_to($1 || ' ' || i, 'UTF8'))
     FROM generate_series(0, $2::int - 1) AS i`,
    [from, rows],
  );
}
const kept = async (table: string) =>
  Number((await under.pool.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n);

test('T7: what was not let in is kept for operators, for a time and in a number that are bounded', async () => {
  const oldest = under.clock.now - tradeQuarantineKeptMs;
  // One whose clock was wrong stands before all others.
  await quarantined(under.clock.now, 1);
  await quarantined(oldest - 12_000_000, 12_000);
  await quarantined(oldest, 10);
  await under.work.purge();
  expect(await kept('trade_quarantine')).toBe(11);

  await purgeQuarantine(under.pool, oldest, 4);
  const newest = await under.quarantine();
  expect(newest.map(([, tradeId]) => tradeId)).toEqual(['6', '7', '8', '9']);
});

test('T8: names of deliveries are kept for as long as a replay would be let in otherwise', async () => {
  for (const [name, ago] of [
    ['old', tradeDeliveriesKeptMs + 1],
    ['good', tradeDeliveriesKeptMs],
  ] as const) {
    await under.pool.query(
      "INSERT INTO trade_delivery (at, platform, delivery_id) VALUES ($1, 'mall', $2)",
      [under.clock.now - ago, name],
    );
  }
  await under.work.purge();
  const { rows } = await under.pool.query('SELECT delivery_id FROM trade_delivery');
  expect(rows).toEqual([{ delivery_id: 'good' }]);
});
