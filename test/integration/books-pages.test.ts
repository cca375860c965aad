/** Pages, records, cursors and who may see what. (E5, E6, E9, E12) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BatchEvent } from '../../engine/core/types.ts';
import { booksUnderTest, linkKey, type BooksUnderTest } from './books-support.ts';

let under: BooksUnderTest;
beforeAll(async () => {
  under = await booksUnderTest();
  await under.deposit('sender', 100_000);
  await under.deposit('sender', 100_000, { asset: 'points' });
});
afterAll(() => under.close());

const claimed = (
  batchId: string,
  packet: number,
  receiverId: string,
  amount?: number,
  version = packet,
): BatchEvent => ({
  kind: 'claimed',
  batchId,
  version,
  at: under.clock.now + version,
  packet,
  receiverId,
  amount,
  tag: undefined,
  position: undefined,
});
const pageOf = async (id: string, caller = 'sender', key?: string) => {
  const result = await under.books.batchPage(id, caller, key);
  if (result.code !== 'page') throw new Error(`page answered ${result.code}`);
  return result.page;
};
const claimsOf = async (id: string) => {
  const result = await under.books.claimsPage(id, 'sender', undefined, undefined, 50);
  if (result.code !== 'page') throw new Error(`claims answered ${result.code}`);
  return result.items;
};

describe('a batch page', () => {
  test('goes through its states', async () => {
    const id = await under.create('sender');
    expect(await pageOf(id)).toMatchObject({
      id,
      status: 'awaiting_confirmation',
      mode: 'lucky',
      count: 3,
      claimed: 0,
      opened: 0,
      remaining: 3,
      expiresAt: undefined,
      isSender: true,
      total: 30,
      openedAmount: 0,
      refundedAmount: 0,
    });
    await under.books.confirm(id, 'sender');
    expect(await pageOf(id)).toMatchObject({
      status: 'active',
      expiresAt: under.clock.now + 60_000,
    });
    await under.settle([claimed(id, 1, 'ann', 10), claimed(id, 2, 'bob')]);
    expect(await pageOf(id)).toMatchObject({
      status: 'active',
      claimed: 2,
      opened: 1,
      remaining: 1,
      openedAmount: 10,
    });
    await under.settle([claimed(id, 3, 'cem', 5)]);
    expect(await pageOf(id)).toMatchObject({
      status: 'exhausted',
      claimed: 3,
      opened: 2,
      remaining: 0,
    });
    await under.settle([
      { kind: 'expired', batchId: id, version: 4, at: under.clock.now + 60_000, refunded: 15 },
    ]);
    expect(await pageOf(id)).toMatchObject({
      status: 'expired',
      refundedAmount: 15,
      openedAmount: 15,
    });
  });

  test('all opened stays exhausted', async () => {
    const id = await under.active('sender', { count: 2, total: 5 });
    await under.settle([claimed(id, 1, 'ann', 4), claimed(id, 2, 'bob', 1)]);
    expect((await pageOf(id)).status).toBe('exhausted');
  });

  test('is seen by sender, listed receivers, holders of a packet, and with the key', async () => {
    const id = await under.create('sender');
    await under.books.addAudience(id, 'sender', 'im', ['listed'], false);
    await under.books.confirm(id, 'sender');
    await under.settle([claimed(id, 1, 'holder')]);
    for (const caller of ['sender', 'listed', 'holder']) {
      expect((await pageOf(id, caller)).isSender).toBe(caller === 'sender');
      expect(await under.books.claimsPage(id, caller, undefined, undefined, 50)).toMatchObject({
        code: 'page',
      });
    }
    expect((await pageOf(id, 'stranger', linkKey)).isSender).toBe(false);
    for (const key of [undefined, '', 'wrong', `${linkKey}x`]) {
      expect(await under.books.batchPage(id, 'stranger', key)).toEqual({ code: 'forbidden' });
      expect(await under.books.claimsPage(id, 'stranger', key, undefined, 50)).toEqual({
        code: 'forbidden',
      });
    }
    for (const unknown of ['424242', 'x', '9223372036854775808']) {
      expect(await under.books.batchPage(unknown, 'sender', linkKey)).toEqual({
        code: 'batch_not_found',
      });
      expect(await under.books.claimsPage(unknown, 'sender', linkKey, undefined, 50)).toEqual({
        code: 'batch_not_found',
      });
    }
  });
});

describe('claims', () => {
  test('come in the order of claiming; the best is told at the end, the earlier open on a tie', async () => {
    const id = await under.active('sender', { count: 4, total: 40 });
    const opened = (
      version: number,
      packet: number,
      receiverId: string,
      amount: number,
    ): BatchEvent => ({
      kind: 'opened',
      batchId: id,
      version,
      at: under.clock.now + 10,
      packet,
      receiverId,
      amount,
    });
    await under.settle([
      claimed(id, 1, 'ann'),
      claimed(id, 2, 'bob'),
      claimed(id, 3, 'cem', 5),
      claimed(id, 4, 'dan'),
    ]);
    await under.settle([opened(5, 4, 'dan', 15), opened(6, 2, 'bob', 15)]);
    const before = await claimsOf(id);
    expect(before.map(({ packetId }) => packetId)).toEqual(
      [1, 2, 3, 4].map((packet) => `${id}-${packet}`),
    );
    expect(before.map(({ amount }) => amount)).toEqual([undefined, 15, 5, 15]);
    expect(before.some(({ best }) => best)).toBe(false);
    await under.settle([opened(7, 1, 'ann', 5)]);
    expect((await claimsOf(id)).map(({ best }) => best)).toEqual([false, false, false, true]);
  });

  test('an expired batch has a best too', async () => {
    const id = await under.active('sender');
    await under.settle([
      claimed(id, 1, 'ann'),
      claimed(id, 2, 'bob', 3),
      { kind: 'expired', batchId: id, version: 3, at: under.clock.now, refunded: 27 },
    ]);
    expect((await claimsOf(id)).map(({ best }) => best)).toEqual([false, true]);
  });

  test('are paged without gap or repetition', async () => {
    const id = await under.active('sender', { count: 25, total: 25 });
    await under.settle(Array.from({ length: 23 }, (_, i) => claimed(id, i + 1, `u${i + 1}`)));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const result = await under.books.claimsPage(id, 'sender', undefined, cursor, 10);
      if (result.code !== 'page') throw new Error(result.code);
      seen.push(...result.items.map(({ receiverId }) => receiverId));
      cursor = result.next;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 23 }, (_, i) => `u${i + 1}`));
  });
});

describe('records and entries', () => {
  test('tell what was sent, received and booked, newest first, with totals over all pages', async () => {
    await under.deposit('nia', 100);
    await under.deposit('nia', 100, { asset: 'points' });
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      under.clock.now += 10;
      ids.unshift(
        await under.active('nia', { count: 2, total: 10, asset: i === 0 ? 'points' : 'CNY' }),
      );
    }
    under.clock.now += 10;
    ids.unshift(await under.create('nia'));
    const first = await under.books.sent('nia', undefined, 4);
    if (first.code !== 'page') throw new Error(first.code);
    expect(first.totals).toEqual([
      { asset: 'CNY', count: 4, amount: 40, openedAmount: 0, refundedAmount: 0 },
      { asset: 'points', count: 1, amount: 10, openedAmount: 0, refundedAmount: 0 },
    ]);
    expect(first.items[0]).toMatchObject({ status: 'awaiting_confirmation', expiresAt: undefined });
    const second = await under.books.sent('nia', first.next, 4);
    if (second.code !== 'page') throw new Error(second.code);
    expect([...first.items, ...second.items].map(({ batchId }) => batchId)).toEqual(ids);
    expect(second.next).toBeUndefined();

    const [, newest = '', next = ''] = ids;
    await under.settle([claimed(newest, 1, 'oda', 7), claimed(next, 1, 'oda')]);
    const received = await under.books.received('oda', undefined, 1);
    if (received.code !== 'page') throw new Error(received.code);
    expect(received.totals).toEqual([{ asset: 'CNY', count: 2, amount: 7 }]);
    const rest = await under.books.received('oda', received.next, 1);
    if (rest.code !== 'page') throw new Error(rest.code);
    const all = [...received.items, ...rest.items];
    expect(new Set(all.map(({ packetId }) => packetId))).toEqual(
      new Set([`${newest}-1`, `${next}-1`]),
    );
    expect(all.find(({ batchId }) => batchId === newest)).toMatchObject({
      senderId: 'nia',
      amount: 7,
    });

    const entries = await under.books.entries('nia', 'CNY', undefined, 3);
    if (entries.code !== 'page') throw new Error(entries.code);
    expect(
      entries.items.map(({ kind, amount, counterpart, batchId }) => [
        kind,
        amount,
        counterpart,
        batchId,
      ]),
    ).toEqual(ids.slice(1, 4).map((id) => ['funding', -10, `escrow:${id}`, id]));
    const older = await under.books.entries('nia', 'CNY', entries.next, 3);
    if (older.code !== 'page') throw new Error(older.code);
    expect(older.items.map(({ kind, counterpart }) => [kind, counterpart])).toEqual([
      ['funding', `escrow:${ids[4]}`],
      ['deposit', 'outside:operator'],
    ]);
    expect(await under.books.accounts('nia')).toEqual([
      { asset: 'CNY', balance: 60, held: 0 },
      { asset: 'points', balance: 90, held: 0 },
    ]);
    expect(await under.books.accounts('nobody')).toEqual([]);
  });

  test('cursors that are not ours are told apart, everywhere', async () => {
    const id = await under.active('sender');
    const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bad = [
      '',
      '!',
      'x',
      made({}),
      made([]),
      made([1]),
      made(['-1']),
      made(['1.5']),
      made(['1', '2', '3', '4']),
      made(['9223372036854775808']),
      'A'.repeat(300),
    ];
    for (const cursor of bad) {
      const answers = await Promise.all([
        under.books.claimsPage(id, 'sender', undefined, cursor, 10),
        under.books.entries('sender', 'CNY', cursor, 10),
        under.books.sent('sender', cursor, 10),
        under.books.received('sender', cursor, 10),
      ]);
      expect(answers.map(({ code }) => code)).toEqual(Array(4).fill('bad_cursor'));
    }
  });

  test('ping tells that the database answers', async () => {
    expect(await under.books.ping()).toBe(true);
  });
});
