/** Both adapters against the sandbox platform: one contract. (T8–T10, c14, c15, ¶86–88) */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  PlatformTrade,
  TradePlatform,
  TradesResult,
} from '../../engine/ports/trade-platform.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import { platformPageTrades } from '../../engine/limits.ts';
import {
  type PlatformUnderTest,
  platformUnderTest,
  secretOf,
  webhookSecret,
} from './trade-platform-support.ts';

const account = '17';
const own = { account, secret: secretOf(account) };
const userId = 'ada';

describe.each(['generic', 'shop'] as const)('trade platform: %s', (contract) => {
  let under: PlatformUnderTest;

  beforeEach(async () => {
    under = await platformUnderTest(contract);
    under.sandbox.books.addAccount(account, own.secret);
    under.sandbox.books.addAccount('18', secretOf('18'));
  });
  afterEach(() => under.close());

  const login = async (): Promise<string> => {
    const result = await under.platform.login(own);
    if (result.code !== 'logged_in') throw new Error(result.code);
    return result.session;
  };
  const pageOf = (result: TradesResult) => {
    if (result.code !== 'page') throw new Error(JSON.stringify(result));
    return result;
  };
  const begin = async () => {
    const session = await login();
    const { cursor } = pageOf(await under.platform.trades(own, session, undefined));
    return { session, cursor };
  };
  /** Polls until there is no more, as a worker does; trades by id, in the order they came first. */
  const poll = async (session: string, from: string) => {
    const found = new Map<string, PlatformTrade>();
    const malformed: string[] = [];
    let cursor = from;
    for (let pages = 0; pages < 20; pages += 1) {
      const page = pageOf(await under.platform.trades(own, session, cursor));
      for (const trade of page.trades) if (!found.has(trade.id)) found.set(trade.id, trade);
      malformed.push(...page.malformed.map(({ id, reason }) => `${id} ${reason}`));
      cursor = page.cursor;
      if (!page.more)
        return { trades: [...found.values()], ids: [...found.keys()], malformed, cursor };
    }
    throw new Error('it does not end');
  };

  test('T9: login, then trades that appear after the first poll, oldest first', async () => {
    under.sandbox.books.addTrade(account, { title: 'long ago' });
    under.clock.now += 60_000;
    const { session, cursor } = await begin();
    under.clock.now += 1_000;
    const trade = under.sandbox.books.addTrade(account, { title: 'Phone', price: 399_900 });
    under.clock.now += 2_000;
    under.sandbox.books.addTrade(account, { title: 'Case' });
    under.sandbox.books.addTrade('18', { title: "somebody else's" });
    const { trades } = await poll(session, cursor);
    expect(trades.map(({ title }) => title)).toEqual(['Phone', 'Case']);
    const at = contract === 'shop' ? trade.at - (trade.at % 1_000) : trade.at;
    expect(trades[0]).toEqual({
      id: trade.id,
      account,
      title: 'Phone',
      categories: ['electronics'],
      price: 399_900,
      currency: 'CNY',
      url: expect.stringMatching(/^https:\/\/shop\.example\//),
      at,
    });
  });

  test('trades over many pages, also many of one second, come all', async () => {
    const { session, cursor } = await begin();
    const ids = Array.from(
      { length: 3 * platformPageTrades + 7 },
      () => under.sandbox.books.addTrade(account).id,
    );
    under.clock.now += 1_500;
    ids.push(under.sandbox.books.addTrade(account).id);
    expect((await poll(session, cursor)).ids).toEqual(ids);
  });

  test('polls at any rhythm lose nothing that appears meanwhile', async () => {
    const { session, cursor: first } = await begin();
    let cursor = first;
    const added: string[] = [];
    const seen = new Set<string>();
    for (let round = 0; round < 40; round += 1) {
      under.clock.now += (round * 337) % 1_900;
      for (let n = 0; n < round % 3; n += 1) added.push(under.sandbox.books.addTrade(account).id);
      const polled = await poll(session, cursor);
      for (const id of polled.ids) seen.add(id);
      ({ cursor } = polled);
    }
    expect([...seen].toSorted()).toEqual(added.toSorted());
  });

  test('what is settled does not come again', async () => {
    const { session, cursor } = await begin();
    under.sandbox.books.addTrade(account);
    under.clock.now += 20_000;
    const first = await poll(session, cursor);
    expect(first.ids).toHaveLength(1);
    under.clock.now += 20_000;
    const second = await poll(session, first.cursor);
    const third = await poll(session, second.cursor);
    expect(third.ids).toEqual([]);
  });

  test('a wrong secret, an account that is none, no secret at all', async () => {
    const { platform } = under;
    const wrong = { code: 'wrong_secret' };
    expect(await platform.login({ account, secret: 'ck_17:cs_wrong' })).toEqual(wrong);
    expect(await platform.login({ account: '999', secret: secretOf('999') })).toEqual(wrong);
    expect(await platform.login({ account, secret: undefined })).toEqual(wrong);
    expect(await platform.login({ account: '18', secret: own.secret })).toEqual(wrong);
  });

  test('a login that expired, a key that was taken away', async () => {
    const { session, cursor } = await begin();
    under.sandbox.books.endSessions();
    under.sandbox.books.addAccount(account, 'ck_other:cs_other');
    const result = await under.platform.trades(own, session, cursor);
    expect(result.code).toBe(contract === 'shop' ? 'wrong_secret' : 'login_expired');
  });

  test('duplicated trades are the same; one that is none is set aside and the others go on', async () => {
    const { session, cursor } = await begin();
    const { id } = under.sandbox.books.addTrade(account);
    under.sandbox.faults.add({ kind: 'twice', times: 1 });
    expect((await poll(session, cursor)).ids).toEqual([id]);
    under.sandbox.faults.clear();
    under.sandbox.faults.add({ kind: 'broken', times: 1 });
    const { ids, malformed } = await poll(session, cursor);
    expect(ids).toEqual([id]);
    expect(malformed).toHaveLength(2);
    expect(malformed.join()).not.toContain('xxx');
  });

  test('a trade of five megabytes is malformed, and the others go on', async () => {
    const { session, cursor } = await begin();
    const first = under.sandbox.books.addTrade(account).id;
    under.clock.now += 1_000;
    const { at, ...raw } = under.sandbox.books.addTrade('18');
    const huge = 'x'.repeat(5_000_000);
    const modified = new Date(under.clock.now).toISOString().slice(0, 19);
    under.sandbox.books.addTrade(account, {
      raw:
        contract === 'generic'
          ? { ...raw, id: '4711', title: huge, at }
          : { id: 4711, date_modified_gmt: modified, total: huge },
    });
    under.clock.now += 1_000;
    const last = under.sandbox.books.addTrade(account).id;
    under.clock.now += 10_000;
    const { ids, malformed } = await poll(session, cursor);
    expect(ids).toEqual([first, last]);
    expect(malformed[0]).toMatch(/^4711 /);
  });

  test.each([
    ['error', 'status_500'],
    ['html', 'senseless'],
    ['truncated', 'senseless'],
    ['redirect', 'redirect'],
    ['huge', 'too_large'],
    ['silent', 'silent'],
  ] as const)('an answer that is none is unavailable: %s', async (kind, reason) => {
    const { session, cursor } = await begin();
    under.sandbox.books.addTrade(account);
    under.sandbox.faults.add({ kind });
    const result = await under.platform.trades(own, session, cursor);
    expect(result).toEqual({ code: 'unavailable', reason });
    under.sandbox.faults.clear();
    expect((await poll(session, cursor)).ids).toHaveLength(1);
  });

  test('Retry-After is told', async () => {
    const { session, cursor } = await begin();
    under.sandbox.faults.add({ kind: 'busy', times: 1 });
    const result = await under.platform.trades(own, session, cursor);
    expect(result).toEqual({ code: 'unavailable', reason: 'status_429', retryAfterMs: 1_000 });
  });

  test('an unreachable platform is unavailable, also for mappings', async () => {
    const gone = await platformUnderTest(contract);
    await gone.close();
    expect(await gone.platform.login(own)).toEqual({ code: 'unavailable', reason: 'unreachable' });
    expect(await gone.platform.register(account, 'ada', true)).toBe(false);
  });

  test('T8: the mapping is sent to the platform, and taken back', async () => {
    expect(await under.platform.register(account, 'ada', true)).toBe(true);
    expect(await under.platform.register(account, 'ada', true)).toBe(true);
    expect(under.sandbox.books.mappings.get(account)).toEqual({
      userId: 'ada',
      webhookUrl: 'https://red.example/v1/trade-platforms/sandbox/webhook',
    });
    if (contract === 'shop') {
      expect(under.sandbox.shop.webhooks).toHaveLength(2);
      under.sandbox.shop.webhooks[0]!.status = 'disabled';
      await under.platform.register(account, 'ada', true);
      expect(under.sandbox.shop.webhooks[0]!.status).toBe('active');
    }
    expect(await under.platform.register(account, 'ada', false)).toBe(true);
    expect(under.sandbox.books.mappings.size).toBe(0);
    under.sandbox.faults.add({ kind: 'error', on: 'register', times: 1 });
    expect(await under.platform.register(account, 'ada', true)).toBe(false);
  });

  test('T8, T9: a push tells the same trade as a poll, under the same id', async () => {
    const { session, cursor } = await begin();
    under.sandbox.books.addTrade(account, { title: 'Kettle', categories: ['home'] });
    const { trades } = await poll(session, cursor);
    const push = under.sandbox.pushOf(contract, account, { userId });
    const pushed = await under.platform.webhook(
      push.headers,
      Buffer.from(push.body),
      under.clock.now,
    );
    const pushedFor = contract === 'shop' ? { kind: 'account' } : { kind: 'member', userId };
    expect(pushed).toMatchObject({ code: 'trades', pushedFor, trades, malformed: [] });
  });

  test('T8, T10: a push that names no member is for whom the account names, where both systems share it', async () => {
    under.sandbox.books.addTrade(account);
    const { headers, body } = under.sandbox.pushOf(contract, account);
    const read = (platform: TradePlatform | undefined) =>
      platform?.webhook(headers, Buffer.from(body), under.clock.now);
    const { config, clock } = under;
    const options = { publicUrl: 'https://red.example', now: () => clock.now };
    const same = tradePlatforms([{ ...config, paths: ['same'] }], options);
    const byAccount = { code: 'trades', pushedFor: { kind: 'account' } };
    const bySame = { code: 'trades', pushedFor: { kind: 'same' } };
    const isShop = contract === 'shop';
    expect(await read(same.get(config.name))).toMatchObject(isShop ? byAccount : bySame);
    expect(await read(under.platform)).toMatchObject(isShop ? byAccount : { code: 'malformed' });
    same.close();
  });

  test('T8: a push that is wrongly signed, changed, old, or no push at all', async () => {
    under.sandbox.books.addTrade(account);
    const read = (
      { headers, body }: { headers: Record<string, string>; body: string },
      later = 0,
    ) => under.platform.webhook(headers, Buffer.from(body), under.clock.now + later);
    const right = under.sandbox.pushOf(contract, account, { userId });
    const copy = { headers: { ...right.headers }, body: right.body };
    const forged = under.sandbox.pushOf(contract, account, { userId, secret: `${webhookSecret}!` });
    expect(await read({ ...forged, headers: { ...forged.headers } })).toEqual({
      code: 'bad_signature',
    });
    expect(await read({ ...copy, body: `${copy.body} ` })).toEqual({ code: 'bad_signature' });
    expect(await read({ ...copy, headers: {} })).toEqual({ code: 'bad_signature' });
    const ageMax = contract === 'shop' ? 86_400_000 : 300_000;
    expect(await read(copy, ageMax + 2_000)).toEqual({ code: 'too_old' });
    expect(await read(copy, -ageMax - 2_000)).toEqual({ code: 'too_old' });
    expect((await read(copy, ageMax - 2_000)).code).toBe('trades');
  });

  test('T8: a replayed push has the name of the first one, whatever its headers say', async () => {
    under.sandbox.books.addTrade(account);
    const { headers, body } = under.sandbox.pushOf(contract, account, { userId });
    const other = { ...headers, 'trade-delivery': 'x', 'x-wc-webhook-delivery-id': 'x' };
    const [first, again] = await Promise.all(
      [headers, other].map((given) =>
        under.platform.webhook(given, Buffer.from(body), under.clock.now),
      ),
    );
    expect(first).toMatchObject({ code: 'trades', deliveryId: expect.stringMatching(/^\S{8,}$/) });
    expect(again).toEqual(first);
  });
});
