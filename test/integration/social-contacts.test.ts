/** Profiles and contacts over HTTP: every change, every refusal, and crossing requests. (E7, E10) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf } from '../gateway/harness.ts';
import { socialUnderTest, type SocialUnderTest } from './social-support.ts';

let under: SocialUnderTest;
beforeAll(async () => {
  under = await socialUnderTest();
});
afterAll(() => under.close());

const states = async (userId: string) =>
  Object.fromEntries(
    (await under.all(userId, '/v1/contacts')).map((item) => [item.userId, item.state]),
  );

describe('profile', () => {
  test('comes into being at first use, once, and is replaced as a whole', async () => {
    const seen = await Promise.all(
      Array.from({ length: 5 }, () => under.ask('new', 'GET', '/v1/me')),
    );
    const fresh = { userId: 'new', name: 'new', about: '', createdAt: '2023-11-14T22:13:20.000Z' };
    for (const { json } of seen) expect(json).toEqual(fresh);
    under.clock.now += 1_000;
    const named = { ...fresh, name: '小红 🧧', about: 'line\nline <b>' };
    const { name, about } = named;
    expect((await under.ask('new', 'PUT', '/v1/me', { name, about })).json).toEqual(named);
    expect((await under.ask('new', 'GET', '/v1/me')).json).toEqual(named);
    expect((await under.ask('new', 'PUT', '/v1/me', { name: 'n' })).json.about).toBe('');
  });

  test.each([
    [{}, ['name']],
    [{ name: '' }, ['name']],
    [{ name: ' \u3000' }, ['name']],
    [{ name: '\u200B\u2800\u3164\u00AD' }, ['name']],
    [{ name: 'a\nb' }, ['name']],
    [{ name: 'pay \u202E001' }, ['name']],
    [{ name: '福'.repeat(65) }, ['name']],
    [{ name: 'n', about: 'a\u0000b' }, ['about']],
    [{ name: 'n', about: 'x'.repeat(501), userId: 'other' }, ['about', 'userId']],
  ])('%j is refused by field', async (body, fields) => {
    const said = await under.ask('new', 'PUT', '/v1/me', body);
    expect([said.status, fieldsOf(said)]).toEqual([400, fields]);
  });
});

describe('a request', () => {
  test('is asked of one, accepted by the other, and ended by either', async () => {
    const { ask, refusal } = under;
    const asked = await ask('ann', 'POST', '/v1/contacts', { userId: 'bob' });
    expect([asked.status, asked.json]).toEqual([201, { userId: 'bob', state: 'requested' }]);
    expect([await states('ann'), await states('bob')]).toEqual([
      { bob: 'requested' },
      { ann: 'asked' },
    ]);
    // Who asked cannot accept, nobody accepts for others, and nothing changed.
    expect(await refusal('ann', 'POST', '/v1/contacts/bob/accept')).toEqual([
      404,
      'contact_not_found',
    ]);
    expect(await refusal('eve', 'POST', '/v1/contacts/ann/accept')).toEqual([
      404,
      'contact_not_found',
    ]);
    expect(await states('ann')).toEqual({ bob: 'requested' });

    for (let again = 0; again < 2; again += 1) {
      const accepted = await ask('bob', 'POST', '/v1/contacts/ann/accept');
      expect([accepted.status, accepted.json]).toEqual([200, { userId: 'ann', state: 'accepted' }]);
    }
    const repeated = await ask('ann', 'POST', '/v1/contacts', { userId: 'bob' });
    expect(repeated.json.state).toBe('accepted');
    expect([await states('ann'), await states('bob')]).toEqual([
      { bob: 'accepted' },
      { ann: 'accepted' },
    ]);
    for (let again = 0; again < 2; again += 1) {
      const ended = await ask('bob', 'DELETE', '/v1/contacts/ann');
      expect([ended.status, ended.json]).toEqual([200, { userId: 'ann', state: 'none' }]);
    }
    expect([await states('ann'), await states('bob')]).toEqual([{}, {}]);
  });

  test('is declined or withdrawn', async () => {
    await under.ask('ann', 'POST', '/v1/contacts', { userId: 'dee' });
    await under.ask('dee', 'DELETE', '/v1/contacts/ann');
    expect([await states('ann'), await states('dee')]).toEqual([{}, {}]);
    await under.ask('ann', 'POST', '/v1/contacts', { userId: 'dee' });
    await under.ask('ann', 'DELETE', '/v1/contacts/dee');
    expect(await under.refusal('dee', 'POST', '/v1/contacts/ann/accept')).toEqual([
      404,
      'contact_not_found',
    ]);
  });

  test('to a user who was never here waits for that user', async () => {
    await under.ask('ann', 'POST', '/v1/contacts', { userId: 'later' });
    expect(await states('later')).toEqual({ ann: 'asked' });
    await under.ask('ann', 'DELETE', '/v1/contacts/later');
  });

  test('has its key', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const send = (userId: string) =>
      under.ask('key', 'POST', '/v1/contacts', { userId }, { headers });
    const first = await send('ann');
    const again = await send('ann');
    expect([again.status, again.json]).toEqual([201, first.json]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await send('bob')).json.code).toBe('idempotency_key_reused');
    expect(await states('key')).toEqual({ ann: 'requested' });
    await under.ask('key', 'DELETE', '/v1/contacts/ann');
  });

  test.each([
    [{}, ['userId']],
    [{ userId: 'a b' }, ['userId']],
    [{ userId: 'ann' }, ['userId']],
    [{ userId: 'bob', state: 'accepted' }, ['state']],
  ])('%j is refused', async (body, fields) => {
    const said = await under.ask('ann', 'POST', '/v1/contacts', body);
    expect([said.status, fieldsOf(said)]).toEqual([400, fields]);
    expect(await states('ann')).toEqual({});
  });

  test('that crosses another makes friends, in every order', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [a, b] = [`left${round}`, `right${round}`];
      const both = await Promise.all([
        under.ask(a, 'POST', '/v1/contacts', { userId: b }),
        under.ask(b, 'POST', '/v1/contacts', { userId: a }),
      ]);
      expect(new Set(both.map(({ json }) => json.state))).toEqual(
        new Set(['accepted', 'requested']),
      );
      expect([await states(a), await states(b)]).toEqual([
        { [b]: 'accepted' },
        { [a]: 'accepted' },
      ]);
    }
  });

  test('changes that meet leave both sides the same', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [a, b] = [`one${round}`, `two${round}`];
      await Promise.all([
        under.ask(a, 'POST', '/v1/contacts', { userId: b }),
        under.ask(b, 'POST', `/v1/contacts/${a}/accept`),
        under.ask(b, 'POST', '/v1/contacts', { userId: a }),
        under.ask(a, 'DELETE', `/v1/contacts/${b}`),
      ]);
      const [mine, theirs] = [(await states(a))[b], (await states(b))[a]];
      const mirror = { requested: 'asked', asked: 'requested', accepted: 'accepted' } as const;
      expect(theirs).toBe(mirror[mine as keyof typeof mirror]);
    }
  });
});

describe('a block', () => {
  test('ends what was, lets no request or message through, and leaves strangers', async () => {
    const { ask, refusal } = under;
    await under.befriend('fay', 'gus');
    for (let again = 0; again < 2; again += 1) {
      const blocked = await ask('fay', 'PUT', '/v1/contacts/gus/block');
      expect([blocked.status, blocked.json]).toEqual([200, { userId: 'gus', state: 'blocked' }]);
    }
    expect([await states('fay'), await states('gus')]).toEqual([{ gus: 'blocked' }, {}]);
    const request = { userId: 'fay' };
    expect(await refusal('gus', 'POST', '/v1/contacts', request)).toEqual([403, 'contact_refused']);
    expect(await refusal('gus', 'POST', '/v1/contacts/fay/accept')).toEqual([
      404,
      'contact_not_found',
    ]);
    const message = { to: { userId: 'fay' }, text: 'hi' };
    expect(await refusal('gus', 'POST', '/v1/messages', message)).toEqual([403, 'not_a_contact']);
    // Neither does the one who blocks, nor does ending the contact lift the block.
    expect(await refusal('fay', 'POST', '/v1/contacts', { userId: 'gus' })).toEqual([
      409,
      'contact_blocked',
    ]);
    expect((await ask('fay', 'DELETE', '/v1/contacts/gus')).json.state).toBe('blocked');
    expect((await ask('gus', 'DELETE', '/v1/contacts/fay')).json.state).toBe('none');
    expect((await ask('gus', 'DELETE', '/v1/contacts/fay/block')).json.state).toBe('none');
    expect(await states('fay')).toEqual({ gus: 'blocked' });

    for (let again = 0; again < 2; again += 1) {
      const free = await ask('fay', 'DELETE', '/v1/contacts/gus/block');
      expect([free.status, free.json]).toEqual([200, { userId: 'gus', state: 'none' }]);
    }
    expect((await ask('gus', 'POST', '/v1/contacts', request)).json.state).toBe('requested');
    // A request is no block: unblocking leaves it.
    expect((await ask('fay', 'DELETE', '/v1/contacts/gus/block')).json.state).toBe('asked');
  });

  test('may be mutual; each lifts its own', async () => {
    await under.ask('hal', 'PUT', '/v1/contacts/ida/block');
    await under.ask('ida', 'PUT', '/v1/contacts/hal/block');
    await under.ask('hal', 'DELETE', '/v1/contacts/ida/block');
    expect([await states('hal'), await states('ida')]).toEqual([{}, { hal: 'blocked' }]);
    expect(await under.refusal('hal', 'POST', '/v1/contacts', { userId: 'ida' })).toEqual([
      403,
      'contact_refused',
    ]);
  });

  test.each([
    ['PUT', '/v1/contacts/ann/block'],
    ['DELETE', '/v1/contacts/ann/block'],
    ['DELETE', '/v1/contacts/ann'],
    ['POST', '/v1/contacts/ann/accept'],
    ['PUT', '/v1/contacts/a%20b/block'],
  ])('oneself, or nobody, is no contact: %s %s', async (method, path) => {
    expect(await under.refusal('ann', method, path)).toEqual([404, 'contact_not_found']);
  });
});

test('the list pages in the order of ids, whole or by state', async () => {
  const others = Array.from({ length: 45 }, (_, i) => `c${String(i).padStart(2, '0')}`);
  await under.befriend('list', ...others.slice(0, 30));
  for (const userId of others.slice(30))
    await under.ask('list', 'POST', '/v1/contacts', { userId });
  await under.ask('c00', 'PUT', '/v1/me', { name: 'Zero' });
  const ids = (items: { userId: string }[]) => items.map(({ userId }) => userId);
  const items = await under.all('list', '/v1/contacts', 7);
  expect(ids(items)).toEqual(others);
  expect(items[0]).toMatchObject({ userId: 'c00', name: 'Zero', state: 'accepted' });
  expect(items[44]).toMatchObject({ userId: 'c44', name: 'c44', state: 'requested' });
  expect(ids(await under.all('list', '/v1/contacts?state=requested', 4))).toEqual(others.slice(30));
  expect(await under.all('list', '/v1/contacts?state=blocked')).toEqual([]);
  const bad = await under.ask('list', 'GET', '/v1/contacts?state=none&limit=0');
  expect([bad.status, fieldsOf(bad)]).toEqual([400, ['limit', 'state']]);
  for (const cursor of ['a.b', '4pyT', '_', 'x'.repeat(100)]) {
    const said = await under.ask('list', 'GET', `/v1/contacts?cursor=${cursor}`);
    expect([cursor, said.status, fieldsOf(said)]).toEqual([cursor, 400, ['cursor']]);
  }
});
