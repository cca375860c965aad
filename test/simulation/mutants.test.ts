/** The simulator can fail: each mutant is caught by one of the fixed seeds, and the engine as it is passes them all. */
import { expect, it } from 'vitest';
import { fixedSeeds, mutants } from './mutants.ts';
import { inParallel, judge } from './mutation.ts';
import type { Mutant } from './mutants/patch.ts';

interface Piece {
  readonly mutant: Mutant | undefined;
  readonly first: number;
  readonly count: number;
}

const half = fixedSeeds.length / 2;
const pieces: readonly Piece[] = [
  { mutant: undefined, first: 0, count: half },
  { mutant: undefined, first: half, count: half },
  ...mutants.map((mutant) => ({ mutant, first: 0, count: fixedSeeds.length })),
];

it('catches every mutant, and nothing else', { timeout: 900_000 }, async () => {
  const verdicts = await inParallel(pieces, 2, async ({ mutant, first, count }) => ({
    name: mutant?.name ?? 'the engine as it is',
    ...(await judge(mutant, first, count)),
  }));
  for (const { name, needed, failure } of verdicts)
    console.log(`${needed ?? '-'}\t${name}\t${failure?.split('\n')[0]?.slice(0, 120) ?? 'passes'}`);
  const [one, other, ...rest] = verdicts;
  expect([one?.failure, other?.failure]).toEqual([undefined, undefined]);
  expect(rest.filter(({ needed }) => needed === undefined).map(({ name }) => name)).toEqual([]);
});
