/** The information bar of somebody who has traded a great deal, elsewhere for the most part. (T13) */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type IntakeUnderTest, intakeUnderTest } from './trade-support.ts';

let under: IntakeUnderTest;
beforeAll(async () => {
  under = await intakeUnderTest();
});
afterAll(() => under.close());

test('T13: costs what is shown, not what there is', { timeout: 60_000 }, async () => {
  await under.group('reader', 'trader');
  const elsewhere = await under.group('trader', 'third');
  await under.pool.query(
    `WITH made AS (
       INSERT INTO trade (at, received_at, price, user_id, platform, trade_id, account, title, currency, url, link_key,
         categories)
       SELECT 1, 1, 1, 'trader', 'mall', i::text, '17', 'a trade', 'CNY', 'https://item.example/', 'key', '{}'
       FROM generate_series(1, 50000) AS i RETURNING id)
     INSERT INTO trade_shown (trade, conversation, no, user_id, types)
     SELECT id, $1, row_number() OVER (ORDER BY id), 'trader', '{}' FROM made`,
    [elsewhere],
  );
  await under.pool.query('ANALYZE');
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const begun = performance.now();
    const page = await under.intake.tradesOf('reader', 'trader', { cursor: undefined, limit: 20 });
    times.push(performance.now() - begun);
    expect(page).toEqual({ code: 'page', items: [], next: undefined });
  }
  // 160 ms where all trades of the other one are gone through.
  expect(Math.min(...times)).toBeLessThan(50);
});
