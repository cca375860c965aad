/**
 * `npm run simulate`: many seeded runs, or one of them again.
 *
 *   --seeds N [--from S] [--jobs J]   N runs; a fresh base seed is drawn and printed when none is given
 *   --seed S [--operations K] [--without kind,kind] [--trace]   one run
 *   --crash-everywhere                a short script, with each part crashed at every step
 *   --seconds T                       stops beginning new runs after so long
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { crashEverywhere } from './crash-everywhere.ts';
import { isFaultKind } from './faults.ts';
import { runMany } from './pool.ts';
import type { Options } from './setting.ts';
import { replay, shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import { addReport, biasFound, noTotals, table } from './totals.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    jobs: { type: 'string' },
    seconds: { type: 'string' },
    operations: { type: 'string' },
    without: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'crash-everywhere': { type: 'boolean', default: false },
  },
});

function number(text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`not a number: ${text}`);
  return value;
}

/** Prints what failed, and how to see it again with as little around it as possible. */
async function explain(options: Options, failure: string): Promise<void> {
  console.error(`\n${replay(options)} fails: ${failure}\nmaking it smaller …`);
  const shrunk = await shrink(options);
  if (shrunk === undefined) {
    console.error('alone it passes: the simulator is not deterministic, or the code has changed');
    return;
  }
  console.error(`${replay(shrunk.options)} --trace\n  ${shrunk.report.failure}`);
}

async function one(seed: number): Promise<boolean> {
  const kinds = values.without?.split(',') ?? [];
  const unknownKind = kinds.find((kind) => !isFaultKind(kind));
  if (unknownKind !== undefined) throw new Error(`no such kind of fault: ${unknownKind}`);
  const operations = values.operations === undefined ? undefined : number(values.operations, 0);
  const options: Options = { seed, operations, without: kinds.filter(isFaultKind) };
  const startedAt = performance.now();
  const report = await simulate(
    options,
    values.trace ? { onLine: (line) => console.log(line) } : {},
  );
  const totals = noTotals();
  addReport(totals, report);
  console.log(table(totals, (performance.now() - startedAt) / 1000));
  console.log(`trace ${report.digest}`);
  if (report.failure === undefined) return true;
  if (values.trace) console.error(report.failure);
  else await explain(options, report.failure);
  return false;
}

async function many(count: number): Promise<boolean> {
  const from = number(values.from, randomInt(2 ** 31));
  console.log(`seeds ${from} to ${from + count - 1}`);
  const startedAt = performance.now();
  const seconds = number(values.seconds, 86_400);
  const jobs = number(values.jobs, Math.min(4, availableParallelism()));
  const { totals, failed } = await runMany({ from, count, jobs, seconds, progress: true });
  console.log(table(totals, (performance.now() - startedAt) / 1000));
  for (const report of failed.slice(0, 3))
    await explain({ seed: report.seed }, report.failure ?? '');
  if (failed.length > 3)
    console.error(
      `and seeds ${failed
        .slice(3, 50)
        .map(({ seed }) => seed)
        .join(', ')}`,
    );
  const bias = biasFound(totals);
  if (bias !== undefined) console.error(bias);
  return failed.length === 0 && bias === undefined;
}

async function everywhere(): Promise<boolean> {
  const { runs, failures } = await crashEverywhere((done, all) => {
    if (done % 100 === 0) process.stdout.write(`\r${done} of ${all} crashes`);
  });
  console.log(`\r${runs} crashes, ${failures.length} failures`);
  for (const failure of failures.slice(0, 5)) console.error(failure);
  return failures.length === 0;
}

let passed: boolean;
if (values['crash-everywhere']) passed = await everywhere();
else if (values.seed !== undefined) passed = await one(number(values.seed, 0));
else passed = await many(number(values.seeds, 200));
process.exitCode = passed ? 0 : 1;
