/** Many runs added up, and the table that is printed of them. */
import {
  addShares,
  biasMax,
  biasOf,
  type AllShares,
  noShares,
  sharesMin,
} from './auditor/shares.ts';
import type { Report } from './simulate.ts';

export interface Totals {
  runs: number;
  operations: number;
  attempts: number;
  steps: number;
  virtualMs: number;
  readonly answers: Map<string, number>;
  readonly faults: Map<string, number>;
  readonly counts: Map<string, number>;
  readonly shares: AllShares;
}

export function noTotals(): Totals {
  return {
    runs: 0,
    operations: 0,
    attempts: 0,
    steps: 0,
    virtualMs: 0,
    answers: new Map(),
    faults: new Map(),
    counts: new Map(),
    shares: noShares(),
  };
}

function addAll(into: Map<string, number>, more: Record<string, number>): void {
  for (const [name, count] of Object.entries(more)) into.set(name, (into.get(name) ?? 0) + count);
}

export function addReport(totals: Totals, report: Report): void {
  totals.runs += 1;
  totals.operations += report.operations;
  totals.attempts += report.attempts;
  totals.steps += report.steps;
  totals.virtualMs += report.virtualMs;
  addAll(totals.answers, report.answers);
  addAll(totals.faults, report.faults);
  addAll(totals.counts, report.counts);
  addShares(totals.shares, report.shares);
}

/** A bias that so many shares cannot show by chance, as a failure's text. */
export function biasFound({ shares }: Totals): string | undefined {
  for (const which of ['each', 'last'] as const) {
    const sums = shares[which];
    const bias = biasOf(sums);
    if (sums.count < sharesMin || bias < biasMax) continue;
    const mean = (sums.sum / sums.count).toFixed(3);
    return `shares (${which}, ${sums.count} of them) are off by ${mean} of their mean: ${bias.toFixed(1)} standard errors`;
  }
  return undefined;
}

function rows(map: ReadonlyMap<string, number>): string[] {
  const sorted = [...map].sort((one, other) => other[1] - one[1]);
  return sorted.map(([name, count]) => `  ${name.padEnd(26)}${String(count).padStart(10)}`);
}

export function table(totals: Totals, seconds: number): string {
  const { runs, operations, attempts, steps, virtualMs, shares } = totals;
  const per = (count: number) => Math.round(count / seconds).toLocaleString('en');
  return [
    `${runs} runs in ${seconds.toFixed(1)} s: ${(runs / seconds).toFixed(1)} seeds/s, ${per(attempts)} requests/s, ${per(steps)} steps/s`,
    `${operations} operations asked ${attempts} times, in ${Math.round(virtualMs / 60_000)} simulated minutes`,
    'answers',
    ...rows(totals.answers),
    'faults survived',
    ...rows(totals.faults),
    'seen',
    ...rows(totals.counts),
    `shares: ${shares.each.count}, and ${shares.last.count} last ones; ${biasOf(shares.each).toFixed(1)} and ${biasOf(shares.last).toFixed(1)} standard errors from no bias`,
  ].join('\n');
}
