/** Lanes: so many of a name at a time, in their order, and nobody else held up. */
import { expect, test } from 'vitest';
import { Lanes } from '../../gateway/lanes.ts';

/** Work that ends when told to. */
function work(done: string[], name: string) {
  let end = () => undefined as void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const run = async () => {
    done.push(`${name} begins`);
    await ended;
    return name;
  };
  return { run, end };
}

test('so many of a name at a time, first come, first served; other names pass', async () => {
  const lanes = new Lanes(2, 10);
  const done: string[] = [];
  const works = ['a', 'b', 'c', 'd'].map((name) => work(done, name));
  const all = works.map(({ run }) => lanes.run('group', run));
  const other = lanes.run('other', () => Promise.resolve('other'));
  expect(done).toEqual(['a begins', 'b begins']);
  expect(await other).toBe('other');
  works[1]!.end();
  expect(await all[1]).toBe('b');
  expect(done).toEqual(['a begins', 'b begins', 'c begins']);
  works[0]!.end();
  expect(await all[0]).toBe('a');
  for (const { end } of works) end();
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  expect(done).toEqual(['a begins', 'b begins', 'c begins', 'd begins']);
  expect(lanes.size).toBe(0);
});

test('who fails leaves its place, too many are not begun', async () => {
  const lanes = new Lanes(1, 2);
  const done: string[] = [];
  const first = work(done, 'first');
  const waiting = [
    lanes.run('g', first.run),
    lanes.run('g', () => Promise.reject(new Error('no'))),
    lanes.run('g', () => Promise.resolve('third')),
  ];
  expect(await lanes.run('g', () => Promise.resolve(done.push('never')))).toBeUndefined();
  first.end();
  const results = await Promise.allSettled(waiting);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(done).toEqual(['first begins']);
  expect(await lanes.run('g', () => Promise.resolve('again'))).toBe('again');
  expect(lanes.size).toBe(0);
});
