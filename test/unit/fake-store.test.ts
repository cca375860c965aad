/** The fake's controls, on which the simulator's faults rest. */
import { expect, test } from 'vitest';
import { FakeStore } from '../../engine/store/fake.ts';
import { batchOf, claimed, createdAt } from '../contract/store-support.ts';

async function fresh() {
  const store = new FakeStore();
  store.addBatch(batchOf('1'));
  const number = await store.newOwner([1]);
  const settle = () =>
    store.withOwner(number, async (owner) => {
      const applied = await owner.apply([claimed('1', 1, 1, 'ann', 4)], createdAt);
      await owner.advance(1, 0);
      return applied;
    });
  return { store, number, settle };
}

test('a stalled store answers nothing until it goes on', async () => {
  const { store, number, settle } = await fresh();
  store.stall();
  let answered = 0;
  const waiting = [store.progress([number]), settle()].map((call) =>
    call.then(() => (answered += 1)),
  );
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
  expect(answered).toBe(0);
  expect(store.balance('user:ann', 'CNY')).toBe(0);
  store.resume();
  await Promise.all(waiting);
  expect(store.balance('user:ann', 'CNY')).toBe(4);
});

test('a commit that fails before takes no effect, one that fails after does, and both reject', async () => {
  const { store, settle } = await fresh();
  store.failNextCommit('before');
  await expect(settle()).rejects.toThrow('before');
  expect(store.balance('user:ann', 'CNY')).toBe(0);
  store.failNextCommit('after');
  await expect(settle()).rejects.toThrow('after');
  expect(store.balance('user:ann', 'CNY')).toBe(4);
  expect(await settle()).toMatchObject({ inserted: 0, duplicates: 1 });
});

test('a crash ends open transactions and those that wait for a lock; what was committed stays', async () => {
  const { store, number, settle } = await fresh();
  await settle();
  const inside = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  const open = store.withOwner(number, async (owner) => {
    await owner.apply([claimed('1', 2, 2, 'bob', 3)], createdAt);
    inside.resolve();
    await proceed.promise;
  });
  await inside.promise;
  const waiting = settle();
  store.crash();
  await expect(waiting).rejects.toThrow('crashed');
  proceed.resolve();
  await expect(open).rejects.toThrow('crashed');
  expect(store.balance('user:bob', 'CNY')).toBe(0);
  expect(await settle()).toMatchObject({ duplicates: 1 });
});
