/** The simulator's own promises: the same seed gives the same run, no crash at any step loses anything, nor do fresh seeds. */
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { crashEverywhere } from './crash-everywhere.ts';
import { faultKinds } from './faults.ts';
import { runMany } from './pool.ts';
import { replay, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import { biasFound } from './totals.ts';

it('plays a seed twice in exactly the same way', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const lines: string[] = [];
    const first = await simulate({ seed }, { onLine: (line) => lines.push(line) });
    const second = await simulate({ seed });
    expect(second.digest).toBe(first.digest);
    expect(lines.length).toBeGreaterThan(20);
  }
  expect((await simulate({ seed: 1 })).digest).not.toBe((await simulate({ seed: 2 })).digest);
});

it(
  'survives the crash of every part at every step of a short script',
  { timeout: 60_000 },
  async () => {
    const { runs, failures } = await crashEverywhere();
    expect(failures).toEqual([]);
    expect(runs).toBeGreaterThan(500);
  },
);

it('survives fresh seeds with every kind of fault', { timeout: 180_000 }, async () => {
  const from = randomInt(2 ** 31);
  const { totals, failed } = await runMany({
    from,
    count: 400,
    jobs: 2,
    seconds: 60,
    progress: false,
  });
  console.log(`simulated seeds ${from} to ${from + 399}: ${totals.runs} runs`);
  for (const { seed } of failed.slice(0, 1)) {
    const shrunk = await shrink({ seed });
    console.error(shrunk === undefined ? `seed ${seed}` : `${replay(shrunk.options)} --trace`);
  }
  expect(failed.map(({ seed, failure }) => ({ seed, failure }))).toEqual([]);
  expect(biasFound(totals)).toBeUndefined();
  // Where the machine was too busy for most of them, rare kinds may be missing.
  if (totals.runs === 400) expect([...totals.faults.keys()].sort()).toEqual([...faultKinds].sort());
});
