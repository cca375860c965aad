/** Pushes of trade platforms over HTTP: believed, taken once, shown to whom they are for. (T8, T10, T11, c14, ¶86, ¶88) */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { platformPushBytesMax, tradeDeliveriesKeptMs } from '../../engine/limits.ts';
import type { PlatformTrade } from '../../engine/ports/trade-platform.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import { genericPush, type Push, shopPush } from '../../workers/sandbox/platform-push.ts';
import { harness, type Harness } from '../gateway/harness.ts';
import {
  type IntakeUnderTest,
  intakeUnderTest,
  platformConfig,
  publicUrl,
} from './trade-support.ts';

const mall = platformConfig();
const secret = mall.webhookSecret!;
const shop = platformConfig({
  name: 'shop',
  kind: 'woocommerce',
  url: 'https://item.example',
  paths: ['push'],
});
const till = platformConfig({ ...shop, name: 'till', paths: ['poll', 'same'] });
const polledOnly = platformConfig({ name: 'polled', paths: ['poll'] });
const configs = [mall, shop, till, polledOnly];

let under: IntakeUnderTest;
let http: Harness;
beforeEach(async () => {
  under = await intakeUnderTest(configs);
  const platforms = tradePlatforms(configs, { publicUrl, now: () => under.clock.now });
  http = harness({ publicUrl }, under.social, { tradeIntake: under.intake, platforms });
  http.world.now = under.clock.now;
});
afterEach(() => under.close());

const wire = (trade: PlatformTrade) => ({
  ...trade,
  at: under.clock.now,
  raw: { ...trade, at: new Date(trade.at).toISOString() },
});
const pushOf = (
  trades: readonly PlatformTrade[],
  options: { userId?: string; delivery?: string; at?: number; secret?: string } = {},
) => genericPush(trades.map(wire), { secret, at: under.clock.now, ...options });
const post = async ({ headers, body }: Push, platform = 'mall') => {
  const path = `/v1/trade-platforms/${platform}/webhook`;
  const { status, json } = await http.ask('POST', path, { raw: body, headers });
  return [status, json.status === status ? json.code : json.status];
};
const taken = [200, 'taken'];

describe('T8: path A, the platform names the member', () => {
  test('the trade is shown where he shares the account, and nowhere else', async () => {
    const groupId = await under.group('ann', 'bob');
    const others = await under.group('mallory', 'eve');
    await under.share('ann', groupId, { account: '17' });
    await under.share('mallory', others, { account: '17' });
    expect(await post(pushOf([under.trade('T-1')], { userId: 'ann' }))).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    expect(await under.titles(others, 'eve')).toEqual([]);
  });

  test('a delivery that comes again is dropped, whatever it holds and whenever it comes', async () => {
    const groupId = await under.group('ann', 'bob');
    await under.share('ann', groupId, { account: '17' });
    const of = { userId: 'ann', delivery: 'd-1' };
    const push = pushOf([under.trade('T-1')], of);
    const answers = await Promise.all([1, 2, 3, 4].map(() => post(push)));
    expect(answers.map(([, status]) => String(status)).toSorted()).toEqual([
      'repeated',
      'repeated',
      'repeated',
      'taken',
    ]);
    expect(await post(pushOf([under.trade('T-2')], of))).toEqual([200, 'repeated']);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    // Kept for as long as a signature may be good.
    under.clock.now += tradeDeliveriesKeptMs;
    await under.work.purge();
    expect((await under.pool.query('SELECT FROM trade_delivery')).rowCount).toBe(1);
    under.clock.now += 1;
    await under.work.purge();
    expect((await under.pool.query('SELECT FROM trade_delivery')).rowCount).toBe(0);
  });

  test('an account that the member has not given, or no longer, is passed over and counted', async () => {
    const groupId = await under.group('ann', 'bob');
    await under.share('ann', groupId, { account: '17' });
    const strange = under.trade('T-1', { account: '18' });
    expect(await post(pushOf([strange, under.trade('T-2')], { userId: 'ann' }))).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-2']);
    await under.leave(groupId, 'ann');
    await under.pool.query('DELETE FROM trade_account');
    expect(await post(pushOf([under.trade('T-3')], { userId: 'ann' }))).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-2']);
    expect(under.counted.pushed).toEqual(['unknown_account', 'unknown_account']);
    expect((await under.pool.query('SELECT FROM trade')).rowCount).toBe(1);
  });

  test('wrongly signed, changed, too old, not JSON, too large, of nobody', async () => {
    const groupId = await under.group('ann', 'bob');
    await under.share('ann', groupId, { account: '17' });
    const of = { userId: 'ann' };
    const good = pushOf([under.trade('T-1')], of);
    const now = under.clock.now;
    const text = 'x'.repeat(platformPushBytesMax);
    const cases: readonly [Push, unknown[], string?][] = [
      [pushOf([under.trade('T-1')], { ...of, secret: 'another secret' }), [403, 'bad_signature']],
      [{ ...good, body: good.body.replace('T-1', 'T-9') }, [403, 'bad_signature']],
      [{ ...good, headers: {} }, [403, 'bad_signature']],
      [{ ...good, headers: { ...good.headers, 'trade-timestamp': '1' } }, [403, 'bad_signature']],
      [pushOf([under.trade('T-1')], { ...of, at: now - 301_000 }), [400, 'push_too_old']],
      [pushOf([under.trade('T-1')], { ...of, at: now + 302_000 }), [400, 'push_too_old']],
      [pushOf([], of), [400, 'push_malformed']],
      [{ ...good, body: text }, [403, 'bad_signature']],
      [{ ...good, body: `${text}x` }, [413, 'body_too_large']],
      [{ ...good, body: 'x'.repeat(5_000_000) }, [413, 'body_too_large']],
      [good, [404, 'platform_not_found'], 'nobody'],
      [good, [404, 'platform_not_found'], 'polled'],
      [good, [404, 'platform_not_found'], 'MALL'],
    ];
    for (const [push, answer, platform] of cases) {
      expect(await post(push, platform)).toEqual(answer);
    }
    expect(await under.titles(groupId, 'bob')).toEqual([]);
    // None of them has taken the name of the good one.
    expect(await post(good)).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    expect(await post(pushOf([under.trade('T-2')], { ...of, at: now - 299_000 }))).toEqual(taken);
  });

  test('what must not be shown is kept aside, and the others of the push are shown', async () => {
    const groupId = await under.group('ann', 'bob');
    await under.share('ann', groupId, { account: '17' });
    const trades = [
      under.trade('B-1', { price: -1 }),
      under.trade('B-2', { title: 'x <img src=x onerror=alert(1)>' }),
      under.trade('B-3', { url: 'data:text/html,<script>alert(1)</script>' }),
      under.trade('B-4', { price: 1.5 }),
      under.trade('T-1'),
      under.trade('T-1', { title: 'Another' }),
    ];
    expect(await post(pushOf(trades, { userId: 'ann' }))).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    expect((await under.quarantine()).map(([reason, id]) => `${id} ${reason}`).toSorted()).toEqual([
      'B-1 price',
      'B-2 title_markup',
      'B-3 link_scheme',
      'B-4 malformed price: invalid_type',
      'T-1 duplicate_id',
    ]);
  });
});

test('T8, T9, T11: the same trade by poll and by push is shown once, also at the same time', async () => {
  const groupId = await under.group('ann', 'bob');
  const id = await under.share('ann', groupId, { account: '17', secret: 'hush' });
  const trades = Array.from({ length: 12 }, (_, n) => under.trade(`T-${n}`));
  const poll = async () => {
    for (let n = 0; n < trades.length; n += 3) {
      const polled = await under.work.polls.load(id);
      const page = { trades: trades.slice(n, n + 3), malformed: [], cursor: `c${n}` };
      expect(await under.work.polls.accept(polled!, page)).toBe('accepted');
    }
  };
  const push = async () => {
    for (let n = trades.length; n > 0; n -= 4) {
      const some = trades.slice(n - 4, n).toReversed();
      expect(await post(pushOf(some, { userId: 'ann' }))).toEqual(taken);
    }
  };
  await Promise.all([poll(), push()]);
  const titles = (await under.titles(groupId, 'bob')).toSorted();
  expect(titles).toEqual(trades.map(({ title }) => title).toSorted());
  const shared = under.counted.taken.reduce((sum, one) => sum + one.shared, 0);
  expect(shared).toBe(trades.length);
});

test('T8: a push for many listeners is taken by parts, and its name is good for all of them', async () => {
  const members = ['ann', ...Array.from({ length: 119 }, (_, i) => `m${i}`)];
  const groupId = await under.group(...members);
  await under.share('ann', groupId, { account: '17' });
  await Promise.all(members.map((userId) => under.pushes.listen(userId)));
  const trades = Array.from({ length: 90 }, (_, n) => under.trade(`T-${n}`));
  const of = { userId: 'ann', delivery: 'd-1' };
  expect(await post(pushOf(trades, of))).toEqual(taken);
  expect(under.counted.taken.map(({ shared }) => shared)).toEqual([41, 41, 8]);
  const others = trades.map((trade) => ({ ...trade, id: `other ${trade.id}` }));
  expect(await post(pushOf(others, of))).toEqual([200, 'repeated']);
  expect(await under.titles(groupId, 'm118')).toEqual(trades.map(({ title }) => title));
});

test('T8: an account that gets another secret just then is found again, and nothing is lost', async () => {
  const groupId = await under.group('ann', 'bob');
  await under.share('ann', groupId, { account: '17', secret: 'hush' });
  let isOver = false;
  const change = async () => {
    while (!isOver) await under.pool.query('UPDATE trade_account SET id = DEFAULT');
  };
  const changing = change();
  const titles: string[] = [];
  for (let n = 0; n < 20; n += 1) {
    const trade = under.trade(`T-${n}`);
    const push = pushOf([trade], { userId: 'ann' });
    // A platform that gets no 2xx pushes again.
    while ((await post(push))[0] !== 200);
    titles.push(trade.title);
  }
  isOver = true;
  await changing;
  expect(await under.titles(groupId, 'bob')).toEqual(titles);
});

describe('T10: path C, one account for both systems', () => {
  test('a push that names nobody is for whom the account names, while he has it in his settings', async () => {
    const groupId = await under.group('ann', 'bob');
    await under.share('ann', groupId, { account: 'ann' });
    // Whoever enters somebody else's account gets nothing of it.
    const others = await under.group('mallory', 'eve');
    await under.share('mallory', others, { account: 'ann' });
    const own = (id: string) => pushOf([under.trade(id, { account: 'ann' })]);
    expect(await post(own('T-1'))).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    expect(await under.titles(others, 'eve')).toEqual([]);
    await under.pool.query(`DELETE FROM trade_settings_account WHERE user_id = 'ann'`);
    await under.pool.query(`DELETE FROM trade_account WHERE user_id = 'ann'`);
    expect(await post(own('T-2'))).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    expect(under.counted.pushed).toEqual(['accepted', 'unknown_account']);
  });
});

describe('T8: a shop', () => {
  const modified = () => new Date(under.clock.now).toISOString().slice(0, 19);
  const order = (more: object = {}) => ({
    id: 4711,
    status: 'processing',
    currency: 'CNY',
    total: '129.00',
    customer_id: 17,
    date_created_gmt: modified(),
    date_modified_gmt: modified(),
    line_items: [{ name: 'Kettle', product_id: 0 }],
    ...more,
  });
  const signed = (of: object) => shopPush(of, { secret, at: under.clock.now });

  test('an order of a customer is a trade of whoever has given the account', async () => {
    const groupId = await under.group('ann', 'bob');
    await under.share('ann', groupId, { platform: 'shop', account: '17' });
    expect(await post(signed(order()), 'shop')).toEqual(taken);
    expect(await post(signed(order()), 'shop')).toEqual([200, 'repeated']);
    // Delivered now; the same order, the same trade.
    expect(await post(signed(order({ status: 'completed' })), 'shop')).toEqual(taken);
    const strange = signed(order({ id: 4712, customer_id: 18 }));
    expect(await post(strange, 'shop')).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Kettle']);
    const [message] = await under.messages(groupId, 'bob');
    expect(message!.link).toMatchObject({ price: 12_900, currency: 'CNY', platform: 'shop' });
    expect(under.counted.pushed.at(-1)).toBe('unknown_account');
  });

  test('an order is for nobody who has entered the account with a secret that was never good', async () => {
    const groupId = await under.group('ann', 'bob', '17');
    const others = await under.group('mallory', 'eve');
    await under.share('ann', groupId, { platform: 'till', account: '17', secret: 'ck_a:cs_a' });
    await under.share('mallory', others, { platform: 'till', account: '17', secret: 'ck_b:cs_b' });
    await under.pool.query(`UPDATE trade_account SET polled_at = 1 WHERE user_id = 'ann'`);
    expect(await post(signed(order()), 'till')).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Kettle']);
    expect(await under.titles(others, 'eve')).toEqual([]);
    // Nor without one, unless the platform is there for that, or it is the member's own id.
    await under.share('17', groupId, { platform: 'till', account: '17' });
    await under.share('eve', others, { platform: 'till', account: '18' });
    expect(await post(signed(order({ id: 4713, customer_id: 18 })), 'till')).toEqual(taken);
    expect(await under.titles(others, 'mallory')).toEqual([]);
    expect(await post(signed(order({ id: 4714 })), 'till')).toEqual(taken);
    expect(await under.titles(groupId, 'bob')).toEqual(['Kettle', 'Kettle', 'Kettle']);
  });

  test('the ping with which a shop tries the way, and one that is not paid yet', async () => {
    const ping = { headers: {}, body: 'webhook_id=7' };
    expect(await post(ping, 'shop')).toEqual([200, 'ping']);
    expect(await post(signed(order({ status: 'pending' })), 'shop')).toEqual(taken);
    expect(await post({ ...signed(order()), body: '{}' }, 'shop')).toEqual([403, 'bad_signature']);
  });
});
