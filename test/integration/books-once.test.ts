/** Idempotency keys: an answer and its effect are kept together or not at all. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer, Tx } from '../../engine/books/types.ts';
import { idempotencyKeptHours } from '../../engine/limits.ts';
import { booksUnderTest, type BooksUnderTest } from './books-support.ts';

let under: BooksUnderTest;
beforeAll(async () => {
  under = await booksUnderTest();
});
afterAll(() => under.close());

const scope = 'POST /v1/batches';
const tag = (key: string, digest = 'digest') => ({ key, digest });
const credit =
  (userId: string, amount: number, reference: string) =>
  async (tx: Tx): Promise<Answer> => {
    const body = await under.books.deposit(tx, { userId, asset: 'CNY', amount, reference });
    return { status: 201, body, keep: true };
  };

test('the second time gives the first answer, field by field, without the effect', async () => {
  const first = await under.books.once('ann', scope, tag('a'), credit('ann', 5, 'r1'));
  expect(first).toMatchObject({ code: 'answered', status: 201, replayed: false });
  const again = await under.books.once('ann', scope, tag('a'), () =>
    Promise.reject(new Error('not run')),
  );
  expect(again).toEqual({ ...first, replayed: true });
  if (again.code !== 'answered' || first.code !== 'answered') throw new Error('not answered');
  expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
  expect(await under.balance('ann')).toBe(5);
});

test('another body or route under the same key is a misuse; another user is not', async () => {
  const work = credit('bob', 5, 'r2');
  await under.books.once('bob', scope, tag('b'), work);
  const reused = { code: 'idempotency_key_reused' };
  expect(await under.books.once('bob', scope, tag('b', 'other'), work)).toEqual(reused);
  expect(await under.books.once('bob', 'POST /v1/other', tag('b'), work)).toEqual(reused);
  expect(await under.books.once('cem', scope, tag('b'), credit('cem', 5, 'r3'))).toMatchObject({
    replayed: false,
  });
});

test('while the first runs, the second is told so; after it, it gets the answer', async () => {
  const inside = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  const first = under.books.once('dan', scope, tag('c'), async (tx) => {
    inside.resolve();
    await proceed.promise;
    return credit('dan', 5, 'r4')(tx);
  });
  await inside.promise;
  const work = credit('dan', 5, 'r5');
  expect(await under.books.once('dan', scope, tag('c'), work)).toEqual({
    code: 'idempotency_in_progress',
  });
  expect(await under.books.once('dan', scope, tag('other'), credit('dan', 1, 'r6'))).toMatchObject({
    code: 'answered',
  });
  proceed.resolve();
  await first;
  expect(await under.books.once('dan', scope, tag('c'), work)).toMatchObject({ replayed: true });
  expect(await under.balance('dan')).toBe(6);
});

test('a refusal keeps nothing: neither key nor effect', async () => {
  const refused = await under.books.once('eve', scope, tag('d'), async (tx) => {
    await credit('eve', 5, 'r7')(tx);
    return { status: 409, body: { code: 'insufficient_funds' }, keep: false };
  });
  expect(refused).toMatchObject({ code: 'answered', status: 409, replayed: false });
  expect(await under.balance('eve')).toBe(0);
  expect(
    await under.books.once('eve', scope, tag('d', 'other'), credit('eve', 5, 'r7')),
  ).toMatchObject({ status: 201 });
});

test('what throws keeps nothing, and the key is free again', async () => {
  const failing = under.books.once('fay', scope, tag('e'), async (tx) => {
    await credit('fay', 5, 'r8')(tx);
    throw new Error('on purpose');
  });
  await expect(failing).rejects.toThrow('on purpose');
  expect(await under.balance('fay')).toBe(0);
  expect(await under.books.once('fay', scope, tag('e'), credit('fay', 5, 'r8'))).toMatchObject({
    replayed: false,
  });
});

test('an SQL error that the work swallowed does not pass for a commit', async () => {
  const swallowing = under.books.once('gus', scope, tag('f'), async (tx) => {
    await tx.query('SELECT 1 / 0').catch(() => undefined);
    return { status: 201, body: {}, keep: true };
  });
  await expect(swallowing).rejects.toThrow();
});

test('thirty at once under one key take effect once', async () => {
  const results = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      under.books.once('hal', scope, tag('g'), credit('hal', 5, `h${i}`)),
    ),
  );
  expect(results.filter((result) => result.code === 'answered' && !result.replayed).length).toBe(1);
  expect(await under.balance('hal')).toBe(5);
});

test('a transaction cannot be used after its end', async () => {
  let escaped: Tx | undefined;
  await under.books.once('ida', scope, undefined, async (tx) => {
    escaped = tx;
    return { status: 200, body: null, keep: true };
  });
  await expect(credit('ida', 5, 'r9')(escaped!)).rejects.toThrow(/still open/);
});

test('keys are kept for their hours and then forgotten', async () => {
  await under.books.once('jon', scope, tag('h'), credit('jon', 5, 'r10'));
  under.clock.now += idempotencyKeptHours * 3_600_000;
  await under.books.purge();
  expect(await under.books.once('jon', scope, tag('h'), credit('jon', 5, 'r11'))).toMatchObject({
    replayed: true,
  });
  under.clock.now += 1;
  await under.books.purge();
  expect(await under.books.once('jon', scope, tag('h'), credit('jon', 5, 'r11'))).toMatchObject({
    replayed: false,
  });
  expect(await under.balance('jon')).toBe(10);
});
