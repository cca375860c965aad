/** TradePolls on Postgres, as its port promises. (T7, T9, T11) */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PlatformTrade } from '../../engine/ports/trade-platform.ts';
import type { PolledAccount, TradePolls } from '../../engine/ports/trade-polls.ts';
import { type IntakeUnderTest, intakeUnderTest, publicUrl } from '../integration/trade-support.ts';

let under: IntakeUnderTest;
let polls: TradePolls;
beforeEach(async () => {
  under = await intakeUnderTest();
  ({ polls } = under.work);
});
afterEach(() => under.close());

const page = (cursor: string, ...trades: PlatformTrade[]) => ({ trades, malformed: [], cursor });
const loaded = async (id: string): Promise<PolledAccount> => {
  const polled = await polls.load(id);
  if (polled === undefined) throw new Error('not to be polled');
  return polled;
};
/** Ann's account 17, shared in a group with Bob. */
const begin = async () => {
  const groupId = await under.group('ann', 'bob');
  const id = await under.share('ann', groupId, { account: '17', secret: 'hush' });
  return { groupId, id };
};
const cursorOf = async (id: string) => (await loaded(id)).cursor;

describe('load', () => {
  test('T9: account, secret and where to go on', async () => {
    const { id } = await begin();
    const first = { id, platform: 'mall', account: '17', secret: 'hush', cursor: undefined };
    expect(await polls.load(id)).toEqual(first);
    await polls.accept(first, page('c1'));
    expect(await polls.load(id)).toEqual({ ...first, cursor: 'c1' });
  });

  test('nothing of who is gone, has no secret, or was stopped', async () => {
    const { groupId, id } = await begin();
    expect(await polls.load('424242')).toBeUndefined();
    const plain = await under.share('bob', groupId, { account: 'bob' });
    expect(await polls.load(plain)).toBeUndefined();
    await polls.wrongSecret(await loaded(id));
    expect(await polls.load(id)).toBeUndefined();
  });

  test('a secret that was copied to another row does not open', async () => {
    const { groupId, id } = await begin();
    const other = await under.share('bob', groupId, { account: '18', secret: 'x' });
    await under.pool.query(
      `UPDATE trade_account SET secret = a.secret, secret_nonce = a.secret_nonce
       FROM trade_account AS a WHERE trade_account.id = $1 AND a.id = $2`,
      [other, id],
    );
    await expect(polls.load(other)).rejects.toThrow('does not open');
  });
});

describe('accept', () => {
  test('T11, T12: a new trade is a message of the group with its link, once', async () => {
    const { groupId, id } = await begin();
    const first = await loaded(id);
    const trade = under.trade('T-1', { title: 'Phone "12" \\', at: under.clock.now - 5_000 });
    expect(await polls.accept(first, page('c1', trade))).toBe('accepted');
    const [message, ...others] = await under.messages(groupId, 'bob');
    expect(others).toEqual([]);
    expect(message).toEqual({
      id: `${groupId}-1`,
      conversationId: groupId,
      senderId: 'ann',
      text: trade.title,
      link: {
        tradeId: expect.stringMatching(/^\d+$/),
        url: expect.stringMatching(
          new RegExp(`^${publicUrl}/v1/trades/\\d+/link\\?k=[A-Za-z0-9_-]{24}$`),
        ),
        title: trade.title,
        price: 12_900,
        currency: 'CNY',
        platform: 'mall',
        at: trade.at,
      },
      replyTo: undefined,
      createdAt: under.clock.now,
    });
    expect(await cursorOf(id)).toBe('c1');
    expect(await polls.accept(await loaded(id), page('c2', trade))).toBe('accepted');
    expect(await under.messages(groupId, 'bob')).toHaveLength(1);
    expect(under.counted.taken.map(({ shared, known }) => [shared, known])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  test('T9: only from the cursor that stands; trades and cursor together or not at all', async () => {
    const { groupId, id } = await begin();
    const first = await loaded(id);
    expect(await polls.accept(first, page('c1', under.trade('T-1')))).toBe('accepted');
    expect(await polls.accept(first, page('c1b', under.trade('T-2')))).toBe('stale');
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    expect(await cursorOf(id)).toBe('c1');
    const { rows } = await under.pool.query('SELECT count(*)::int AS n FROM trade');
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('T9: of two at a time one is taken', async () => {
    const { groupId, id } = await begin();
    const first = await loaded(id);
    const results = await Promise.all(
      ['a', 'b', 'c', 'd'].map((cursor) => polls.accept(first, page(cursor, under.trade('T-1')))),
    );
    expect(results.toSorted()).toEqual(['accepted', 'stale', 'stale', 'stale']);
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
  });

  test('an account that was removed, stopped, or has another secret now is gone', async () => {
    const { groupId, id } = await begin();
    const first = await loaded(id);
    await under.pool.query('UPDATE trade_account SET id = DEFAULT WHERE id = $1', [id]);
    expect(await polls.accept(first, page('c1', under.trade('T-1')))).toBe('gone');
    expect(await under.messages(groupId, 'bob')).toEqual([]);
    expect(await polls.load(id)).toBeUndefined();
    await under.pool.query('DELETE FROM trade_account');
    expect(await polls.accept(first, page('c1', under.trade('T-1')))).toBe('gone');
  });

  test('T7, T11: into every group where it fits the types chosen there, with their names', async () => {
    const types = [{ name: 'electronics' }, { name: 'dear', criteria: { price: { min: 10_000 } } }];
    const groups = await Promise.all([
      under.group('ann', 'bob'),
      under.group('bob', 'ann'),
      under.group('cid', 'ann'),
      under.group('ann', 'dan'),
    ]);
    const [all, some, none, others] = groups as [string, string, string, string];
    const of = { account: '17', secret: 'x' };
    const id = await under.share('ann', all, of);
    await under.share('ann', some, { ...of, types });
    await under.share('ann', none, { ...of, types: [{ name: 'food' }] });
    await under.share('dan', others, of);
    const bread = under.trade('T-2', { title: 'Bread', categories: ['食品'], price: 900 });
    const book = under.trade('T-3', { title: 'Novel', categories: ['books'], price: 10_000 });
    expect(await polls.accept(await loaded(id), page('c', under.trade('T-1'), bread, book))).toBe(
      'accepted',
    );
    expect(await under.titles(all, 'ann')).toEqual(['Trade T-1', 'Bread', 'Novel']);
    expect(await under.titles(some, 'bob')).toEqual(['Trade T-1', 'Novel']);
    expect(await under.titles(none, 'cid')).toEqual(['Bread']);
    expect(await under.titles(others, 'dan')).toEqual([]);
    const { rows } = await under.pool.query(
      'SELECT no, types FROM trade_shown WHERE conversation = $1 ORDER BY no',
      [some],
    );
    expect(rows).toEqual([
      { no: '1', types: ['electronics', 'dear'] },
      { no: '2', types: ['dear'] },
    ]);
  });

  test('T11: who listens gets the message and what it means, in order; newcomers nothing of before', async () => {
    const { groupId, id } = await begin();
    for (const userId of ['ann', 'bob', 'cid']) await under.pushes.listen(userId);
    const two = page('c', under.trade('T-1'), under.trade('T-2'));
    await polls.accept(await loaded(id), two);
    await under.join(groupId, 'cid');
    const told = await under.told('bob');
    expect(told.map(({ no, type }) => [no, type])).toEqual([
      [1, 'message.created'],
      [2, 'trade.shared'],
      [3, 'message.created'],
      [4, 'trade.shared'],
    ]);
    expect(told[0]?.data).toMatchObject({ kind: 'trade', text: 'Trade T-1', senderId: 'ann' });
    const { link, trade } = told[0]?.data ?? {};
    expect(told[1]?.data).toEqual({
      groupId,
      messageId: `${groupId}-1`,
      senderId: 'ann',
      types: [],
      link,
      trade,
    });
    expect(await under.told('ann')).toEqual(told);
    expect(await under.told('cid')).toEqual([]);
  });

  test('T5: who has left, and what is shared no more, is not shown', async () => {
    const { groupId, id } = await begin();
    const other = await under.group('ann', 'cid');
    await under.share('ann', other, { account: '17', secret: 'hush' });
    await under.leave(groupId, 'ann');
    await polls.accept(await loaded(id), page('c1', under.trade('T-1')));
    expect(await under.messages(groupId, 'bob')).toEqual([]);
    expect(await under.titles(other, 'cid')).toEqual(['Trade T-1']);
    await under.pool.query('DELETE FROM trade_settings_account');
    await polls.accept(await loaded(id), page('c2', under.trade('T-2')));
    expect(await under.titles(other, 'cid')).toEqual(['Trade T-1']);
    expect(under.counted.taken.at(-1)).toMatchObject({ shared: 0, unmatched: 1 });
  });

  test('what must not be shown is kept aside, once, with its reason, and the others go on', async () => {
    const { groupId, id } = await begin();
    const bad = [
      under.trade('B-1', { price: -1 }),
      under.trade('B-2', { title: '<script>alert(1)</script>' }),
      under.trade('B-3', { account: '18' }),
      under.trade('B-4', { url: 'javascript:alert(1)' }),
      under.trade('B-5', { url: 'https://evil.example/' }),
      under.trade('B\0-6', { title: '\uD800' }),
    ];
    const malformed = [
      { id: 'M\0-1', reason: 'price: invalid_type' },
      { id: undefined, reason: 'trade: x' },
    ];
    const twice = [under.trade('T-1'), under.trade('T-1', { price: 1 })];
    for (const cursor of ['c1', 'c2']) {
      const trades = [...bad, ...twice];
      expect(await polls.accept(await loaded(id), { trades, malformed, cursor })).toBe('accepted');
    }
    // The same id again with other content, in a later page.
    await polls.accept(await loaded(id), page('c3', under.trade('T-1', { title: 'Other' })));
    expect(await under.titles(groupId, 'bob')).toEqual(['Trade T-1']);
    const sorted = (rows: readonly (string | null)[][]) => rows.map(String).toSorted();
    expect(sorted(await under.quarantine())).toEqual(
      sorted([
        ['price', 'B-1', 'ann'],
        ['title_markup', 'B-2', 'ann'],
        ['account', 'B-3', 'ann'],
        ['link_scheme', 'B-4', 'ann'],
        ['link_host', 'B-5', 'ann'],
        ['id', 'B\uFFFD-6', 'ann'],
        ['malformed price: invalid_type', 'M\uFFFD-1', 'ann'],
        ['malformed trade: x', null, 'ann'],
        ['duplicate_id', 'T-1', 'ann'],
        ['duplicate_id', 'T-1', 'ann'],
      ]),
    );
    expect(under.counted.taken.map(({ quarantined }) => quarantined.length)).toEqual([9, 9, 1]);
  });

  test('T11: for many listeners a page is taken in by parts; who dies in between takes up the rest', async () => {
    const members = ['ann', ...Array.from({ length: 99 }, (_, i) => `m${i}`)];
    const groups = [await under.group(...members), await under.group(...members)];
    let id = '';
    for (const group of groups)
      id = await under.share('ann', group, { account: '17', secret: 'x' });
    await Promise.all(members.map((userId) => under.pushes.listen(userId)));
    const trades = Array.from({ length: 60 }, (_, n) => under.trade(`T-${n}`));
    const whole = { trades, malformed: [{ id: 'M', reason: 'x' }], cursor: 'c1' };
    const first = await loaded(id);
    // Somebody else was at it and died: the first of the page are shown, and the cursor has not moved.
    await under.pool.query(`UPDATE trade_account SET cursor = 'c0'`);
    await polls.accept({ ...first, cursor: 'c0' }, { ...whole, trades: trades.slice(0, 7) });
    await under.pool.query('UPDATE trade_account SET cursor = NULL');
    under.counted.taken.length = 0;
    expect(await polls.accept(first, whole)).toBe('accepted');
    const shared = under.counted.taken.map((taken) => taken.shared);
    // Each brings 2 messages and 400 pushes.
    expect(shared).toEqual([24, 24, 5]);
    expect(under.counted.taken.map(({ known }) => known)).toEqual([0, 0, 7]);
    expect(under.counted.taken.map((taken) => taken.quarantined.length)).toEqual([0, 0, 1]);
    for (const group of groups) {
      expect(await under.titles(group, 'm98')).toEqual(trades.map(({ title }) => title));
    }
    expect(await cursorOf(id)).toBe('c1');
    const told = await under.told('m98');
    expect(told.map(({ no }) => no)).toEqual(Array.from({ length: 240 }, (_, i) => i + 1));
    expect(await polls.accept(first, whole)).toBe('stale');
  });

  test('T11: numbers of a group stay without a gap beside what members write', async () => {
    const { groupId, id } = await begin();
    let cursor = 0;
    const poll = async () => {
      for (let round = 0; round < 10; round += 1) {
        const ids = [1, 2, 3].map((n) => `T-${round}-${n}`);
        const trades = ids.map((name) => under.trade(name));
        const result = await polls.accept(await loaded(id), page(`c${(cursor += 1)}`, ...trades));
        expect(result).toBe('accepted');
      }
    };
    const write = async () => {
      for (let round = 0; round < 20; round += 1) {
        await under.social.once('bob', 'test', undefined, async (tx) => {
          await under.social.postMessage(tx, { senderId: 'bob', to: { groupId }, text: 'hm' });
          return { status: 201, body: null, keep: true };
        });
      }
    };
    await Promise.all([poll(), write()]);
    const numbers = (await under.messages(groupId, 'bob')).map((message) =>
      Number(message.id.split('-')[1]),
    );
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });
});

describe('the rest', () => {
  test('wrongSecret stops the account and tells the member, once', async () => {
    const { id } = await begin();
    for (const userId of ['ann', 'bob']) await under.pushes.listen(userId);
    const polled = await loaded(id);
    await polls.wrongSecret(polled);
    await polls.wrongSecret(polled);
    expect(await under.told('ann')).toEqual([
      {
        no: 1,
        type: 'trade.account_stopped',
        data: {
          platform: 'mall',
          account: '17',
          reason: 'wrong_secret',
          stoppedAt: new Date(under.clock.now).toISOString(),
        },
      },
    ]);
    expect(await under.told('bob')).toEqual([]);
    expect(await polls.accept(polled, page('c', under.trade('T-1')))).toBe('gone');
  });

  test('wrongSecret changes nothing once there is another secret', async () => {
    const { id } = await begin();
    const polled = await loaded(id);
    await under.pool.query('UPDATE trade_account SET id = DEFAULT');
    await polls.wrongSecret(polled);
    const { rows } = await under.pool.query('SELECT stopped FROM trade_account');
    expect(rows).toEqual([{ stopped: null }]);
  });

  test('overdue: who is polled and was not for long, by number, after the last one', async () => {
    const groupId = await under.group('ann', 'bob');
    const ids: string[] = [];
    for (let n = 1; n <= 12; n += 1) {
      ids.push(await under.share('ann', groupId, { account: String(n), secret: 'x' }));
    }
    await under.share('ann', groupId, { account: 'ann' });
    const [first, second] = ids as [string, string];
    await polls.polled([first, second]);
    await polls.wrongSecret(await loaded(ids[2]!));
    const { now } = under.clock;
    const due = ids.slice(3);
    expect(await polls.overdue('mall', now, undefined, 100)).toEqual(due);
    expect(await polls.overdue('mall', now + 1, undefined, 3)).toEqual([first, second, due[0]]);
    expect(await polls.overdue('mall', now, due[3], 100)).toEqual(due.slice(4));
    expect(await polls.overdue('other', now, undefined, 100)).toEqual([]);
  });
});
