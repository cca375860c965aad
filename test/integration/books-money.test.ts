/** Deposits and confirmation under concurrency: invariants 1 and 5. (E3, E4) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { booksUnderTest, confirmWithinSeconds, type BooksUnderTest } from './books-support.ts';

let under: BooksUnderTest;
beforeAll(async () => {
  under = await booksUnderTest();
});
afterAll(async () => {
  const { assets, mismatches } = await under.books.audit();
  await under.close();
  // Whatever the tests of this file did, it adds up.
  expect(assets.map(({ difference }) => difference)).toEqual(assets.map(() => 0));
  expect(mismatches).toBe(0);
});

describe('deposits', () => {
  test('the same reference credits once and gives the same answer for ever', async () => {
    const more = { reference: 'once' };
    const first = await under.deposit('dora', 50, more);
    expect(first).toEqual({ code: 'deposited', account: 'user:dora', balance: 50 });
    await under.deposit('dora', 7);
    expect(await under.deposit('dora', 50, more)).toEqual(first);
    expect(await under.balance('dora')).toBe(57);
    expect(await under.deposit('dora', 51, more)).toEqual({ code: 'reference_reused' });
    expect(await under.deposit('emil', 50, more)).toEqual({ code: 'reference_reused' });
    expect(await under.deposit('dora', 50, { ...more, asset: 'points' })).toEqual({
      code: 'reference_reused',
    });
  });

  test('forty at once with one reference credit once', async () => {
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        under.deposit('finn', 10, { reference: 'raced', asset: i % 2 === 0 ? 'CNY' : 'points' }),
      ),
    );
    const winners = results.filter(({ code }) => code === 'deposited');
    expect(winners.length).toBe(20);
    expect(new Set(winners.map((result) => JSON.stringify(result))).size).toBe(1);
    expect((await under.balance('finn')) + (await under.balance('finn', 'points'))).toBe(10);
  });

  test('neither a balance nor what was issued leaves the safe integers', async () => {
    const asset = 'coupon:most';
    const most = Number.MAX_SAFE_INTEGER;
    expect(await under.deposit('gus', most - 1, { asset })).toMatchObject({ code: 'deposited' });
    expect(await under.deposit('gus', 2, { asset })).toEqual({ code: 'balance_overflow' });
    expect(await under.deposit('hal', 2, { asset })).toEqual({ code: 'balance_overflow' });
    expect(await under.deposit('hal', 1, { asset })).toMatchObject({
      code: 'deposited',
      balance: 1,
    });
    expect(await under.deposit('hal', 1, { asset, reference: 'too-much' })).toEqual({
      code: 'balance_overflow',
    });
    // A refusal leaves nothing behind: the reference is still free.
    expect(await under.deposit('hal', 1, { reference: 'too-much' })).toMatchObject({
      code: 'deposited',
    });
  });
});

describe('confirmation', () => {
  test('moves the total into escrow, once; repeated, it gives the same answer', async () => {
    await under.deposit('ida', 100);
    const id = await under.create('ida', { mode: 'fixed', each: 10, count: 4, total: 40 });
    const first = await under.books.confirm(id, 'ida');
    expect(first).toMatchObject({
      code: 'confirmed',
      repeated: false,
      batch: {
        id,
        mode: 'fixed',
        each: 10,
        senderId: 'ida',
        confirmedAt: under.clock.now,
        expiresAt: under.clock.now + 60_000,
      },
    });
    under.clock.now += 5_000;
    const again = await under.books.confirm(id, 'ida');
    expect(again).toEqual({ ...first, repeated: true });
    expect(await under.balance('ida')).toBe(60);
    expect(await under.store.load(id)).toMatchObject({ kind: 'active', state: { version: 0 } });
  });

  test('its refusals', async () => {
    await under.deposit('jon', 10);
    const id = await under.create('jon', { total: 11 });
    expect(await under.books.confirm('424242', 'jon')).toEqual({ code: 'batch_not_found' });
    expect(await under.books.confirm('99999999999999999999', 'jon')).toEqual({
      code: 'batch_not_found',
    });
    expect(await under.books.confirm(id, 'eve')).toEqual({ code: 'not_sender' });
    expect(await under.books.confirm(id, 'jon')).toEqual({ code: 'insufficient_funds' });
    expect(await under.store.load(id)).toEqual({ kind: 'not_active' });
    await under.deposit('jon', 1);
    expect(await under.books.confirm(id, 'jon')).toMatchObject({ code: 'confirmed' });
    const late = await under.create('jon');
    under.clock.now += confirmWithinSeconds * 1_000 + 1;
    expect(await under.books.confirm(late, 'jon')).toEqual({ code: 'confirmation_expired' });
    expect(await under.books.confirm(id, 'jon')).toMatchObject({
      code: 'confirmed',
      repeated: true,
    });
  });

  test('200 at once against one balance never overdraw it', async () => {
    await under.deposit('kim', 1_000);
    const ids = await Promise.all(Array.from({ length: 200 }, () => under.create('kim')));
    expect(new Set(ids).size).toBe(200);
    const results = await Promise.all(ids.map((id) => under.books.confirm(id, 'kim')));
    const confirmed = results.filter(({ code }) => code === 'confirmed');
    expect(confirmed.length).toBe(33);
    expect(results.filter(({ code }) => code === 'insufficient_funds').length).toBe(167);
    expect(await under.balance('kim')).toBe(10);
  });

  test('one batch confirmed 50 times at once is debited once', async () => {
    await under.deposit('lea', 100);
    const id = await under.create('lea');
    const results = await Promise.all(
      Array.from({ length: 50 }, () => under.books.confirm(id, 'lea')),
    );
    expect(results.filter((result) => result.code === 'confirmed' && !result.repeated).length).toBe(
      1,
    );
    expect(results.every(({ code }) => code === 'confirmed')).toBe(true);
    expect(await under.balance('lea')).toBe(70);
  });

  test('confirming while settling credits the same account', async () => {
    await under.deposit('max', 300);
    const receiving = await Promise.all(
      Array.from({ length: 10 }, () => under.active('max', { count: 2, total: 2 })),
    );
    const sending = await Promise.all(
      Array.from({ length: 10 }, () => under.create('max', { total: 10 })),
    );
    const at = under.clock.now;
    await Promise.all([
      ...receiving.map((batchId) =>
        under.settle([
          {
            kind: 'claimed',
            batchId,
            version: 1,
            at,
            packet: 1,
            receiverId: 'max',
            amount: 1,
            tag: undefined,
            position: undefined,
          },
        ]),
      ),
      ...sending.map((id) => under.books.confirm(id, 'max')),
    ]);
    expect(await under.balance('max')).toBe(300 - 20 + 10 - 100);
  });
});

describe('audience before confirmation', () => {
  test('adds distinct receivers and the open door, for the sender only', async () => {
    const id = await under.create('ned');
    const add = (receivers: string[], anyone = false, who = 'ned') =>
      under.books.addAudience(id, who, 'group', receivers, anyone);
    expect(await add(['a', 'b', 'a'])).toEqual({ code: 'extended', receivers: 2, anyone: false });
    expect(await add(['b', 'c'], true)).toEqual({ code: 'extended', receivers: 3, anyone: true });
    expect(await add([], false)).toEqual({ code: 'extended', receivers: 3, anyone: true });
    expect(await add(['d'], false, 'eve')).toEqual({ code: 'not_sender' });
    expect(await under.books.addAudience('424242', 'ned', 'im', ['a'], false)).toEqual({
      code: 'batch_not_found',
    });
  });

  test('a race with the confirmation: what was taken is in the load, the rest is told to ask the actor', async () => {
    await under.deposit('ole', 3_000);
    for (let round = 0; round < 20; round += 1) {
      const id = await under.create('ole');
      const names = Array.from({ length: 8 }, (_, i) => `u${i}`);
      const adding = names.map((name) => under.books.addAudience(id, 'ole', 'im', [name], false));
      const [confirmed, ...added] = await Promise.all([under.books.confirm(id, 'ole'), ...adding]);
      expect(confirmed.code).toBe('confirmed');
      const taken = names.filter((_, i) => added[i]?.code === 'extended');
      expect(added.every(({ code }) => code === 'extended' || code === 'active')).toBe(true);
      const loaded = await under.store.load(id);
      expect(loaded.kind === 'active' && [...loaded.state.listed].sort()).toEqual(taken);
    }
  });
});
