/** What a member shares in a group, over HTTP: accounts on platforms with their secrets, and types of trades. (T5, T6) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  memberAccountsMax,
  sharedAccountsMax,
  sharedGroupsMax,
  sharedTypesMax,
} from '../../engine/limits.ts';
import { rotateSealed } from '../../engine/payment/rotate.ts';
import { Vault } from '../../engine/payment/vault.ts';
import { openSecret, type SecretColumns } from '../../engine/trade/secrets.ts';
import { fieldsOf } from '../gateway/harness.ts';
import { cardKey, type TradeGroupsUnderTest, tradeGroupsUnderTest } from './trade-group-support.ts';

const key = cardKey('k1', 1);
let under: TradeGroupsUnderTest;
beforeAll(async () => {
  under = await tradeGroupsUnderTest([key]);
});
afterAll(() => under.close());

interface AccountRow extends SecretColumns {
  readonly id: string;
  readonly user_id: string;
  readonly platform: string;
  readonly account: string;
  readonly cursor: string | null;
  readonly stopped: string | null;
}
const rowsOf = async (userId: string): Promise<AccountRow[]> => {
  const { rows } = await under.pool.query<AccountRow>(
    'SELECT * FROM trade_account WHERE user_id = $1 ORDER BY platform, account',
    [userId],
  );
  return rows;
};
const mappingsOf = async (userId: string) => {
  const { rows } = await under.pool.query(
    'SELECT platform, account, wanted, told, next_try_at FROM trade_mapping WHERE user_id = $1 ORDER BY platform, account',
    [userId],
  );
  return rows;
};
const settingsOf = (userId: string, id: string) =>
  under.done(userId, 'GET', `/v1/trade-groups/${id}/settings`);
const leave = (id: string, by: string, ...members: string[]) =>
  under.done(by, 'DELETE', `/v1/trade-groups/${id}/members`, { members });

const mall = { platform: 'mall', account: 'ann@mall' };
const mallSecret = { ...mall, secret: 'hush, hush' };
const polled = { hasSecret: true, path: 'poll', state: 'active' };
const alone = { hasSecret: false, path: 'push', state: 'active' };

test('T5 the platforms to choose from, without anything secret', async () => {
  const said = await under.ask('ann', 'GET', '/v1/trade-platforms');
  expect(said.json.items[0]).toEqual({
    name: 'mall',
    title: 'The Mall',
    kind: 'generic',
    paths: ['poll'],
    linkHosts: ['mall.example'],
  });
  expect(said.json.items.map(({ name }: { name: string }) => name)).toEqual([
    'mall',
    'bazaar',
    'market',
    'twin',
    'fair',
  ]);
  expect(said.text).not.toMatch(/secret of the tests|token of the tests|\/api/);
});

describe('T5: accounts', () => {
  test('T5 are given back without their secrets, which stand sealed in the database alone', async () => {
    const id = await under.tradeGroup('ann', 'bob');
    expect(await settingsOf('ann', id)).toEqual({ accounts: [], types: [] });
    const accounts = [mallSecret, { platform: 'market', account: '安 1' }];
    const put = await under.put('ann', id, { accounts, types: [] });
    const shown = {
      accounts: [
        { ...mall, ...polled },
        { platform: 'market', account: '安 1', ...alone },
      ],
      types: [],
    };
    expect([put.status, put.json]).toEqual([200, shown]);
    expect(await settingsOf('ann', id)).toEqual(shown);
    expect(await settingsOf('bob', id)).toEqual({ accounts: [], types: [] });
    const [row] = await rowsOf('ann');
    expect(openSecret(new Vault([key]), row!)).toBe('hush, hush');
    // Under another account, or another's name, it does not open.
    expect(() => openSecret(new Vault([key]), { ...row!, user_id: 'bob' })).toThrow(/open/);
    expect(() => openSecret(new Vault([key]), { ...row!, account: 'x' })).toThrow(/open/);
    const { rows } = await under.pool.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    for (const { name } of rows) {
      const found = await under.pool.query(
        `SELECT FROM ${name} AS entry WHERE entry::text LIKE '%hush%'`,
      );
      expect([name, found.rows]).toEqual([name, []]);
    }
  });

  test('T5 known ones keep their secret; another one takes over where the last was read to', async () => {
    const id = await under.tradeGroup('cat', 'bob');
    const put = async (secret?: string) => {
      const account = secret === undefined ? mall : { ...mall, secret };
      const { json } = await under.put('cat', id, { accounts: [account], types: [] });
      const [row] = await rowsOf('cat');
      return { ...row!, shown: json.accounts[0] };
    };
    const first = await put('one');
    await under.pool.query("UPDATE trade_account SET cursor = 'c7', polled_at = 1 WHERE id = $1", [
      first.id,
    ]);
    const same = [await put(), await put('one')];
    expect(same.map((row) => [row.id, row.secret])).toEqual(
      same.map(() => [first.id, first.secret]),
    );
    const second = await put('two');
    expect(second.id).not.toBe(first.id);
    expect([second.cursor, second.stopped]).toEqual(['c7', null]);
    expect(openSecret(new Vault([key]), second)).toBe('two');
    // The platform has refused it: the member sees why, and may try the same again.
    await under.pool.query("UPDATE trade_account SET stopped = 'wrong_secret' WHERE id = $1", [
      second.id,
    ]);
    const stopped = { ...mall, ...polled, state: 'stopped', reason: 'wrong_secret' };
    expect((await settingsOf('cat', id)).accounts).toEqual([stopped]);
    expect((await put()).shown).toEqual(stopped);
    const retried = await put('two');
    expect(retried.shown).toEqual({ ...mall, ...polled });
    expect(retried.id).not.toBe(second.id);
    expect(await rowsOf('cat')).toHaveLength(1);
  });

  test('T5 one account in several groups is one row, gone with the last of them, secret and all', async () => {
    const ids = [
      await under.tradeGroup('o1', 'dan'),
      await under.tradeGroup('o2', 'dan'),
      await under.tradeGroup('o3', 'dan'),
    ] as const;
    const market = { platform: 'market', account: 'd' };
    for (const id of ids) {
      const account = id === ids[0] ? mallSecret : mall;
      await under.put('dan', id, { accounts: [account, market], types: [] });
    }
    expect(await rowsOf('dan')).toHaveLength(2);
    await leave(ids[0], 'dan', 'dan');
    expect(await rowsOf('dan')).toHaveLength(2);
    await under.put('dan', ids[1], { accounts: [], types: [{ name: 'home' }] });
    expect(await rowsOf('dan')).toHaveLength(2);
    expect(await settingsOf('dan', ids[2])).toMatchObject({
      accounts: [{ ...mall, ...polled }, market],
    });
    expect(await mappingsOf('dan')).toMatchObject([{ ...market, wanted: true }]);
    // The last one, by the owner's hand.
    await leave(ids[2], 'o3', 'dan');
    expect(await rowsOf('dan')).toEqual([]);
    expect(await mappingsOf('dan')).toMatchObject([{ ...market, wanted: false, told: null }]);
    const left = await under.pool.query("SELECT FROM trade_settings_account WHERE user_id = 'dan'");
    expect(left.rows).toEqual([]);
    const settings = await under.pool.query(
      "SELECT conversation::text AS id FROM trade_settings WHERE user_id = 'dan'",
    );
    expect(settings.rows).toEqual([{ id: ids[1] }]);
    // Who comes back begins anew.
    const again = await under.invite('o3', ids[2], 'dan');
    await under.done('dan', 'POST', `/v1/invitations/${again}/accept`);
    expect(await settingsOf('dan', ids[2])).toEqual({ accounts: [], types: [] });
    const refused = await under.put('dan', ids[2], { accounts: [mall], types: [] });
    expect(fieldsOf(refused)).toEqual(['accounts[0].secret']);
  });

  test('T5 what the platform is told follows the accounts: path A only (T8, T10)', async () => {
    const id = await under.tradeGroup('eli', 'bob');
    const put = async (...accounts: object[]) => {
      const said = await under.put('eli', id, { accounts, types: [] });
      expect(said.json.code).toBeUndefined();
      return said.json.accounts.map(({ path }: { path: string }) => path);
    };
    const bazaar = { platform: 'bazaar', account: 'e' };
    expect(
      await put(
        bazaar,
        { platform: 'fair', account: 'eli' },
        { platform: 'fair', account: 'other' },
        { ...mallSecret },
        { platform: 'market', account: 'e' },
        { platform: 'twin', account: 'eli' },
      ),
    ).toEqual(['push', 'same', 'push', 'poll', 'push', 'same']);
    const untold = { wanted: true, told: null, next_try_at: String(under.clock.now) };
    expect(await mappingsOf('eli')).toEqual([
      { ...bazaar, ...untold },
      { platform: 'fair', account: 'other', ...untold },
      { platform: 'market', account: 'e', ...untold },
    ]);
    await under.pool.query(
      "UPDATE trade_mapping SET told = true, next_try_at = NULL WHERE user_id = 'eli'",
    );
    under.clock.now += 1_000;
    // With a secret it is polled from now on; the others are gone, and the platforms are to know.
    expect(await put({ ...bazaar, secret: 's' }, { platform: 'market', account: 'e' })).toEqual([
      'poll',
      'push',
    ]);
    const ended = { wanted: false, told: null, next_try_at: String(under.clock.now) };
    expect(await mappingsOf('eli')).toEqual([
      { ...bazaar, ...ended },
      { platform: 'fair', account: 'other', ...ended },
      { platform: 'market', account: 'e', wanted: true, told: true, next_try_at: null },
    ]);
    await put({ platform: 'fair', account: 'other' }, { platform: 'market', account: 'e' });
    const again = (await mappingsOf('eli')).map(({ platform, wanted }) => [platform, wanted]);
    expect(again).toEqual([
      ['bazaar', false],
      ['fair', true],
      ['market', true],
    ]);
  });

  test.each([
    [{ platform: 'nowhere', account: 'x' }, 'platform', /no platform/],
    [mall, 'secret', /needed/],
    [{ platform: 'market', account: 'x', secret: 's' }, 'secret', /not used/],
    [{ platform: 'twin', account: 'fay', secret: 's' }, 'secret', /not used/],
    [{ platform: 'twin', account: 'somebody' }, 'account', /own user id/],
    [{ platform: 'Mall', account: 'x' }, 'platform', /name/],
    [{ platform: 'market', account: '' }, 'account', /blank/],
    [{ platform: 'market', account: ' x' }, 'account', /blanks/],
    [{ platform: 'market', account: 'x\u0000' }, 'account', /control/],
    [{ platform: 'market', account: 'x'.repeat(129) }, 'account', /128/],
    [{ ...mall, secret: 'x'.repeat(1_025) }, 'secret', /1024/],
    [{ ...mall, secret: 'line\nbreak' }, 'secret', /control/],
    [{ ...mall, secret: 5 }, 'secret', /string/],
    [{ ...mallSecret, hasSecret: true }, 'hasSecret', /not a field/],
  ])('T5 %# is refused by field, and nothing changes', async (account, field, message) => {
    const id = await under.tradeGroup('fay', 'bob');
    const kept = { platform: 'market', account: 'kept' };
    await under.put('fay', id, { accounts: [kept], types: [] });
    const said = await under.put('fay', id, {
      accounts: [{ platform: 'market', account: 'new' }, account],
      types: [{ name: 'home' }],
    });
    expect([said.status, said.json.errors]).toEqual([
      400,
      [{ field: `accounts[1].${field}`, message: expect.stringMatching(message) as unknown }],
    ]);
    expect(said.text).not.toContain('hush');
    expect(await settingsOf('fay', id)).toEqual({ accounts: [{ ...kept, ...alone }], types: [] });
    expect((await rowsOf('fay')).map((row) => row.account)).toEqual(['kept']);
  });

  test('T5 duplicates are refused; the same account on two platforms is none', async () => {
    const id = await under.tradeGroup('gus', 'bob');
    const market = { platform: 'market', account: 'g' };
    const bazaar = { platform: 'bazaar', account: 'g' };
    const said = await under.put('gus', id, { accounts: [market, bazaar, market], types: [] });
    expect([said.status, fieldsOf(said)]).toEqual([400, ['accounts[2]']]);
    const good = await under.put('gus', id, { accounts: [market, bazaar], types: [] });
    expect(good.status).toBe(200);
  });

  test('T5 bounds: accounts in a group, accounts altogether, groups shared in', async () => {
    const many = (from: number, n: number) =>
      Array.from({ length: n }, (_, i) => ({ platform: 'market', account: `a${from + i}` }));
    const id = await under.tradeGroup('hal', 'bob');
    const over = await under.put('hal', id, {
      accounts: many(0, sharedAccountsMax + 1),
      types: [],
    });
    expect([over.status, fieldsOf(over)]).toEqual([400, ['accounts']]);
    let placed = 0;
    const groups: string[] = [];
    for (; placed + sharedAccountsMax <= memberAccountsMax; placed += sharedAccountsMax) {
      const group = await under.tradeGroup(`hal-o${placed}`, 'hal');
      groups.push(group);
      await under.put('hal', group, { accounts: many(placed, sharedAccountsMax), types: [] });
    }
    const left = memberAccountsMax - placed;
    const full = await under.put('hal', id, { accounts: many(placed, left + 1), types: [] });
    expect([full.status, full.json.code]).toEqual([422, 'sharing_full']);
    expect(await settingsOf('hal', id)).toEqual({ accounts: [], types: [] });
    const fits = await under.put('hal', id, { accounts: many(placed, left), types: [] });
    expect(fits.status).toBe(200);
    expect(await rowsOf('hal')).toHaveLength(memberAccountsMax);
    // One account in as many groups as are allowed, and in one more.
    await under.pool.query(
      `INSERT INTO trade_settings_account (conversation, trade_account, user_id)
       SELECT 1000000 + n, (SELECT min(id) FROM trade_account WHERE user_id = 'hal'), 'hal'
       FROM generate_series(1, $1::int) AS n`,
      [sharedGroupsMax - groups.length - 1],
    );
    const another = await under.tradeGroup('hal-another', 'hal');
    const one = { accounts: many(0, 1), types: [] };
    expect((await under.put('hal', another, one)).json.code).toBe('sharing_full');
    expect((await under.put('hal', another, { accounts: [], types: [] })).status).toBe(200);
    await leave(groups[0]!, 'hal', 'hal');
    expect((await under.put('hal', another, one)).status).toBe(200);
  });

  test('T5 are each member’s own: outsiders and the invited have none', async () => {
    const id = await under.tradeGroup('ivy', 'bob');
    await under.befriend('ivy', 'guest');
    await under.invite('ivy', id, 'guest');
    await under.put('ivy', id, { accounts: [mallSecret], types: [] });
    await under.put('bob', id, { accounts: [{ ...mall, secret: 'another' }], types: [] });
    for (const userId of ['guest', 'eve']) {
      const path = `/v1/trade-groups/${id}/settings`;
      expect(await under.refusal(userId, 'GET', path)).toEqual([404, 'group_not_found']);
      const said = await under.put(userId, id, { accounts: [], types: [] });
      expect([said.status, said.json.code]).toEqual([404, 'group_not_found']);
    }
    const [ivys] = await rowsOf('ivy');
    expect(openSecret(new Vault([key]), ivys!)).toBe('hush, hush');
  });

  test('T5 secrets are sealed again under a new key, and the old one may go', async () => {
    const id = await under.tradeGroup('jan', 'bob');
    await under.put('jan', id, { accounts: [mallSecret], types: [] });
    const before = (await rowsOf('jan'))[0]!;
    const keys = [cardKey('k2', 2), key];
    const { sealed, unreadable, left } = await rotateSealed(under.pool, new Vault(keys));
    expect([sealed > 0, unreadable, left]).toEqual([true, [], 0]);
    const after = (await rowsOf('jan'))[0]!;
    expect([after.id, after.secret_key]).toEqual([before.id, 'k2']);
    expect(openSecret(new Vault([keys[0]!]), after)).toBe('hush, hush');
    // Back again: the server of these tests has the old key alone.
    await rotateSealed(under.pool, new Vault(keys.toReversed()));
    expect((await rowsOf('jan'))[0]!.secret_key).toBe('k1');
  });

  test('T5 a server without keys takes no secrets, and everything else', async () => {
    const keyless = await tradeGroupsUnderTest([]);
    try {
      const id = await keyless.tradeGroup('ann', 'bob');
      const refused = await keyless.put('ann', id, { accounts: [mallSecret], types: [] });
      expect([refused.status, refused.json.code]).toEqual([503, 'secrets_not_configured']);
      const market = { platform: 'market', account: 'a' };
      const good = await keyless.put('ann', id, { accounts: [market], types: [] });
      expect(good.json.accounts).toEqual([{ ...market, ...alone }]);
    } finally {
      await keyless.close();
    }
  });
});

describe('T6: types', () => {
  test('T6 system types are there to choose, each with its criteria', async () => {
    const { types } = await under.done('ann', 'GET', '/v1/trade-platforms');
    const names = types.map(({ name }: { name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['electronics', 'mother-and-baby', 'home', 'entertainment']),
    );
    expect(names.length).toBeGreaterThanOrEqual(16);
    expect(new Set(names).size).toBe(names.length);
    for (const { title, criteria } of types) {
      expect(title).toMatch(/\p{Script=Han}/u);
      for (const words of [criteria.categories, criteria.keywords]) {
        expect(words.some((word: string) => /^[a-z]/.test(word))).toBe(true);
        expect(words.some((word: string) => /\p{Script=Han}/u.test(word))).toBe(true);
        expect(words.every((word: string) => word === word.trim() && word !== '')).toBe(true);
      }
    }
  });

  test('T6 chosen and own ones are kept as they were given, per group', async () => {
    const id = await under.tradeGroup('kim', 'bob');
    const other = await under.tradeGroup('kim', 'bob');
    const types = [
      { name: 'electronics' },
      { name: '食品', criteria: { categories: ['食品', 'food'] } },
      { name: 'Bargains', criteria: { price: { max: 10_000, currency: 'CNY' } } },
      {
        name: 'all of it',
        criteria: { keywords: ['茶'], categories: ['Tea'], price: { min: 0, max: 0 } },
      },
    ];
    const put = await under.put('kim', id, { accounts: [], types });
    expect(put.json).toEqual({ accounts: [], types });
    expect(await settingsOf('kim', id)).toEqual({ accounts: [], types });
    expect(await settingsOf('kim', other)).toEqual({ accounts: [], types: [] });
    await under.put('kim', id, { accounts: [], types: [] });
    expect(await settingsOf('kim', id)).toEqual({ accounts: [], types: [] });
  });

  test.each([
    [{ name: 'gadgets' }, 'types[0].name'],
    [{ name: 'Electronics' }, 'types[0].name'],
    [{ name: 'Electronics', criteria: { keywords: ['x'] } }, 'types[0].name'],
    [{ name: 'own', criteria: {} }, 'types[0].criteria'],
    [{ name: 'own', criteria: { keywords: [] } }, 'types[0].criteria.keywords'],
    [{ name: 'own', criteria: { keywords: [' '] } }, 'types[0].criteria.keywords[0]'],
    [{ name: 'own', criteria: { categories: 'food' } }, 'types[0].criteria.categories'],
    [{ name: 'own', criteria: { price: {} } }, 'types[0].criteria.price'],
    [{ name: 'own', criteria: { price: { currency: 'CNY' } } }, 'types[0].criteria.price'],
    [{ name: 'own', criteria: { price: { min: 2, max: 1 } } }, 'types[0].criteria.price'],
    [{ name: 'own', criteria: { price: { min: -1 } } }, 'types[0].criteria.price.min'],
    [{ name: 'own', criteria: { price: { max: 1.5 } } }, 'types[0].criteria.price.max'],
    [
      { name: 'own', criteria: { price: { max: 1, currency: 'yuan' } } },
      'types[0].criteria.price.currency',
    ],
    [{ name: 'own', criteria: { keywords: ['x'], regex: '.*' } }, 'types[0].criteria.regex'],
    [{ name: 'x'.repeat(65), criteria: { keywords: ['x'] } }, 'types[0].name'],
    [{ name: 'own', criteria: { keywords: ['x'.repeat(101)] } }, 'types[0].criteria.keywords[0]'],
    [
      { name: 'own', criteria: { keywords: Array.from({ length: 51 }, (_, i) => `w${i}`) } },
      'types[0].criteria.keywords',
    ],
  ])('T6 %# is refused by field', async (type, field) => {
    const id = await under.tradeGroup('lou', 'bob');
    const said = await under.put('lou', id, { accounts: [], types: [type] });
    expect([said.status, fieldsOf(said)]).toEqual([400, [field]]);
    expect(await settingsOf('lou', id)).toEqual({ accounts: [], types: [] });
  });

  test('T6 names are told apart as readers do, and there is a bound', async () => {
    const id = await under.tradeGroup('max', 'bob');
    const own = (name: string) => ({ name, criteria: { keywords: ['x'] } });
    const types = [own('Teas'), own('ＴＥＡＳ'), { name: 'home' }, { name: 'home' }];
    const said = await under.put('max', id, { accounts: [], types });
    expect([said.status, fieldsOf(said)]).toEqual([400, ['types[1].name', 'types[3].name']]);
    const many = Array.from({ length: sharedTypesMax + 1 }, (_, i) => own(`t${i}`));
    const over = await under.put('max', id, { accounts: [], types: many });
    expect([over.status, fieldsOf(over)]).toEqual([400, ['types']]);
    expect((await under.put('max', id, { accounts: [], types: many.slice(1) })).status).toBe(200);
  });
});
