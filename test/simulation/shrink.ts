/** Makes a failing run small: fewer operations, fewer kinds of faults, as long as it still fails. */
import { faultKinds, type FaultKind } from './faults.ts';
import type { Options } from './setting.ts';
import { simulate, type Report } from './simulate.ts';

export interface Shrunk {
  readonly options: Options;
  readonly report: Report;
}

/** @returns undefined when it does not fail at all */
export async function shrink(options: Options): Promise<Shrunk | undefined> {
  let best = await attempt(options);
  if (best === undefined) return undefined;
  best = await withoutKinds(best);
  best = await withFewerOperations(best);
  return withoutKinds(best);
}

async function attempt(options: Options): Promise<Shrunk | undefined> {
  const report = await simulate(options);
  return report.failure === undefined ? undefined : { options, report };
}

async function withoutKinds(from: Shrunk): Promise<Shrunk> {
  let best = from;
  for (const kind of faultKinds) {
    const without: readonly FaultKind[] = best.options.without ?? [];
    if (without.includes(kind) || best.report.faults[kind] === undefined) continue;
    best = (await attempt({ ...best.options, without: [...without, kind] })) ?? best;
  }
  return best;
}

/** By halves first, then one by one: failing is not monotonous, so this finds a small prefix, not the smallest. */
async function withFewerOperations(from: Shrunk): Promise<Shrunk> {
  let best = from;
  let step = Math.ceil(best.report.operations / 2);
  for (;;) {
    const operations = best.report.operations - step;
    const smaller = operations < 1 ? undefined : await attempt({ ...best.options, operations });
    if (smaller !== undefined) best = smaller;
    else if (step === 1) return best;
    else step = Math.ceil(step / 2);
  }
}

/** The command line that plays it again. */
export function replay({ seed, operations, without }: Options): string {
  const parts = [`npm run simulate -- --seed ${seed}`];
  if (operations !== undefined) parts.push(`--operations ${operations}`);
  if (without !== undefined && without.length > 0) parts.push(`--without ${without.join(',')}`);
  return parts.join(' ');
}
