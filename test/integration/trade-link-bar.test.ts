/** From a message to the trade's page, and the information bar. (T12, T13, c17–c19, ¶90–92) */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import { postgresIntake } from '../../engine/trade-intake/postgres.ts';
import { harness, type Harness } from '../gateway/harness.ts';
import {
  type IntakeUnderTest,
  intakeUnderTest,
  platformConfig,
  publicUrl,
} from './trade-support.ts';

const mall = platformConfig();

let under: IntakeUnderTest;
let http: Harness;
beforeEach(async () => {
  under = await intakeUnderTest([mall]);
  const platforms = tradePlatforms([mall], { publicUrl, now: () => under.clock.now });
  http = harness({ publicUrl }, under.social, { tradeIntake: under.intake, platforms });
});
afterEach(() => under.close());

let cursor = 0;
/** Trades of an account by a poll. */
const poll = async (id: string, ...trades: ReturnType<IntakeUnderTest['trade']>[]) => {
  const polled = await under.work.polls.load(id);
  cursor += 1;
  await under.work.polls.accept(polled!, { trades, malformed: [], cursor: `c${cursor}` });
};
const begin = async () => {
  const groupId = await under.group('ann', 'bob');
  const id = await under.share('ann', groupId, { account: '17', secret: 'hush' });
  return { groupId, id };
};

describe('T12: the link', () => {
  const linkOf = async (groupId: string) => {
    const [message] = await under.messages(groupId, 'bob');
    const { link } = message!;
    if (link === undefined || !('tradeId' in link)) throw new Error('no link of a trade');
    return {
      ...link,
      path: link.url.slice(publicUrl.length),
      bare: `/v1/trades/${link.tradeId}/link`,
    };
  };
  const follow = async (path: string, as?: string) => {
    const { status, headers } = await http.ask('GET', path, { as });
    return [status, headers.get('location')];
  };
  const nowhere = [404, null];

  test('leads to the page: members by token, browsers by key, others nowhere', async () => {
    const { groupId, id } = await begin();
    await poll(id, under.trade('T-1', { url: 'https://item.example/a b?x=1#y' }));
    const { path, bare } = await linkOf(groupId);
    const page = [302, 'https://item.example/a%20b?x=1#y'];
    expect(await follow(path)).toEqual(page);
    expect(await follow(path, 'mallory')).toEqual(page);
    expect(await follow(bare, 'bob')).toEqual(page);
    expect(await follow(bare, 'ann')).toEqual(page);
    expect(await follow(`${bare}?k=wrong`, 'bob')).toEqual(page);
    for (const wrong of [bare, `${bare}?k=wrong`, `${path}x`, path.slice(0, -1)]) {
      expect(await follow(wrong)).toEqual(nowhere);
      expect(await follow(wrong, 'mallory')).toEqual(nowhere);
    }
    expect(await follow('/v1/trades/424242/link', 'bob')).toEqual(nowhere);
    expect(await follow('/v1/trades/x/link', 'bob')).toEqual(nowhere);
  });

  test('tells nobody where the reader came from, and is not stored', async () => {
    const { groupId, id } = await begin();
    await poll(id, under.trade('T-1'));
    const { headers } = await http.ask('GET', (await linkOf(groupId)).path);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('a bad token is refused, also with the key', async () => {
    const { groupId, id } = await begin();
    await poll(id, under.trade('T-1'));
    const { path } = await linkOf(groupId);
    const { status } = await http.ask('GET', path, { headers: { authorization: 'Bearer x' } });
    expect(status).toBe(401);
  });

  test('who came in later, or has left, does not see it by his token', async () => {
    const { groupId, id } = await begin();
    await poll(id, under.trade('T-1'));
    const { bare } = await linkOf(groupId);
    await under.join(groupId, 'cid');
    expect(await follow(bare, 'cid')).toEqual(nowhere);
    await under.leave(groupId, 'bob');
    expect(await follow(bare, 'bob')).toEqual(nowhere);
  });

  test('no open redirect: the host is checked again when somebody follows', async () => {
    const { groupId, id } = await begin();
    await poll(id, under.trade('T-1'));
    const { tradeId } = await linkOf(groupId);
    const { url } = under;
    const page = async (more: object | undefined) => {
      const platforms = more === undefined ? [] : [platformConfig(more)];
      const intake = await postgresIntake({ url, platforms, publicUrl, poolMax: 1 });
      const found = await intake.page(tradeId, 'bob', undefined);
      await intake.close();
      return found;
    };
    expect(await page({})).toBe('https://item.example/T-1');
    expect(await page({ linkHosts: ['other.example'] })).toBeUndefined();
    expect(await page(undefined)).toBeUndefined();
    await under.pool.query(`UPDATE trade SET url = 'http://item.example/'`);
    expect(await page({})).toBeUndefined();
    expect(await page({ sandbox: true })).toBe('http://item.example/');
  });
});

describe('T13: the information bar', () => {
  const bar = async (as: string, of: string, more = '') => {
    const { status, json } = await http.ask('GET', `/v1/contacts/${of}/trades${more}`, { as });
    return status === 200
      ? json.items.map(({ trade }: { trade: { title: string } }) => trade.title)
      : [status, json.code];
  };

  test("the other one's trades in groups of both, newest first, in pages", async () => {
    const { groupId, id } = await begin();
    // Their numbers say nothing about their order.
    await poll(id, ...[3, 1, 2].map((n) => under.trade(`T-${n}`, { title: `Trade ${n}` })));
    expect(await bar('bob', 'ann')).toEqual(['Trade 2', 'Trade 1', 'Trade 3']);
    expect(await bar('ann', 'bob')).toEqual([]);
    const first = await http.ask('GET', '/v1/contacts/ann/trades?limit=2', { as: 'bob' });
    const rest = `?limit=2&cursor=${first.json.next}`;
    expect([first.json.items.length, await bar('bob', 'ann', rest)]).toEqual([2, ['Trade 3']]);
    const [message] = (await under.messages(groupId, 'bob')).toReversed();
    expect(first.json.items[0]).toEqual({
      groupId,
      messageId: message!.id,
      types: [],
      link: { tradeId: expect.any(String), url: (message!.link as { url: string }).url },
      trade: {
        title: 'Trade 2',
        price: 12_900,
        currency: 'CNY',
        platform: 'mall',
        at: new Date(under.clock.now).toISOString(),
      },
    });
    expect(await bar('bob', 'ann', '?cursor=x')).toEqual([400, 'invalid_request']);
  });

  test('only what the reader sees: not of before he came, not of groups that one has left', async () => {
    const { groupId, id } = await begin();
    const other = await under.group('ann', 'cid');
    await under.share('ann', other, { account: '17', secret: 'x', types: [{ name: 'food' }] });
    await poll(id, under.trade('T-1'), under.trade('T-2', { categories: ['food'] }));
    await under.join(groupId, 'dan');
    await poll(id, under.trade('T-3'));
    expect(await bar('bob', 'ann')).toEqual(['Trade T-3', 'Trade T-2', 'Trade T-1']);
    expect(await bar('cid', 'ann')).toEqual(['Trade T-2']);
    expect(await bar('dan', 'ann')).toEqual(['Trade T-3']);
    await under.join(other, 'dan');
    await under.leave(groupId, 'ann');
    expect(await bar('dan', 'ann')).toEqual([]);
    expect(await bar('bob', 'ann')).toEqual([404, 'contact_not_found']);
    expect(await bar('cid', 'ann')).toEqual(['Trade T-2']);
  });

  test('strangers are told nothing; contacts without a group of both see an empty bar', async () => {
    const { id } = await begin();
    await poll(id, under.trade('T-1'));
    expect(await bar('mallory', 'ann')).toEqual([404, 'contact_not_found']);
    expect(await bar('mallory', 'nobody')).toEqual([404, 'contact_not_found']);
    expect(await bar('ann', 'ann')).toEqual([404, 'contact_not_found']);
    await under.pool.query(
      `INSERT INTO contact (since, state, user_id, other) VALUES (0, 3, 'mallory', 'ann'), (0, 3, 'ann', 'mallory')`,
    );
    expect(await bar('mallory', 'ann')).toEqual([]);
  });
});

test('T14: a comment on a shown trade is a message in reply to it', async () => {
  const { groupId, id } = await begin();
  await poll(id, under.trade('T-1'));
  const [trade] = await under.messages(groupId, 'bob');
  const to = { groupId };
  const body = { to, text: 'Is it any good?', replyTo: trade!.id };
  const said = await http.ask('POST', '/v1/messages', { as: 'bob', body });
  expect([said.status, said.json.replyTo]).toEqual([201, trade!.id]);
  const page = await http.ask('GET', `/v1/conversations/${groupId}/messages`, { as: 'ann' });
  expect(
    page.json.items.map(({ kind, text, replyTo }: Record<string, string>) => [kind, text, replyTo]),
  ).toEqual([
    ['text', 'Is it any good?', trade!.id],
    ['trade', 'Trade T-1', undefined],
  ]);
  expect(page.json.items[1]).toMatchObject({
    link: { tradeId: expect.any(String) },
    trade: { price: 12_900 },
  });
});
