/**
 * Runs the fixed seeds in their order until one fails, and prints one line of JSON: the child process of the mutation
 * suite, started inside a copy of the project.
 *
 *   node test/simulation/fixed.ts [first] [count]
 */
import { fixedSeeds } from './mutants.ts';
import { simulate } from './simulate.ts';
import { addReport, biasFound, noTotals } from './totals.ts';

export interface Verdict {
  /** Seeds that were needed; undefined when all of them passed. */
  readonly needed: number | undefined;
  readonly seed: number | undefined;
  readonly failure: string | undefined;
}

async function firstFailure(seeds: readonly number[]): Promise<Verdict> {
  const totals = noTotals();
  for (const [i, seed] of seeds.entries()) {
    const report = await simulate({ seed });
    addReport(totals, report);
    const failure = report.failure ?? biasFound(totals);
    if (failure !== undefined) return { needed: i + 1, seed, failure };
  }
  return { needed: undefined, seed: undefined, failure: undefined };
}

const [first = '0', count = String(fixedSeeds.length)] = process.argv.slice(2);
const seeds = fixedSeeds.slice(Number(first), Number(first) + Number(count));
console.log(JSON.stringify(await firstFailure(seeds)));
