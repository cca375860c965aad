/** Whether shares are unbiased, over many runs: at each position the mean share is total/count. */
import type { History } from './history.ts';

/** Deviations from total/count, to be added up over runs. */
export interface ShareSums {
  count: number;
  sum: number;
  squares: number;
}

export interface EdgeShares {
  readonly first: ShareSums;
  readonly last: ShareSums;
}

export function noEdges(): EdgeShares {
  return { first: { count: 0, sum: 0, squares: 0 }, last: { count: 0, sum: 0, squares: 0 } };
}

/**
 * Looks at the first share of each lucky batch, and at the last of those opened to the end, where rounding adds up.
 * (Neither which batches are opened to the end, nor what crashes, depends on amounts.)
 */
export function edgeShares(histories: Iterable<History>): EdgeShares {
  const edges = noEdges();
  for (const { params, opens, packets } of histories) {
    if (params.mode !== 'lucky' || opens === 0) continue;
    const opened = packets.filter(({ amount }) => amount !== undefined);
    opened.sort((one, other) => one.openVersion - other.openVersion);
    const mean = params.total / params.count;
    note(edges.first, (opened[0]?.amount ?? 0) - mean);
    if (opens === params.count) note(edges.last, (opened.at(-1)?.amount ?? 0) - mean);
  }
  return edges;
}

function note(sums: ShareSums, deviation: number): void {
  sums.count += 1;
  sums.sum += deviation;
  sums.squares += deviation * deviation;
}

export function addEdges(into: EdgeShares, more: EdgeShares): void {
  for (const edge of ['first', 'last'] as const) {
    into[edge].count += more[edge].count;
    into[edge].sum += more[edge].sum;
    into[edge].squares += more[edge].squares;
  }
}

/** Standard errors away from no bias. */
export function biasOf({ sum, squares }: ShareSums): number {
  return squares === 0 ? 0 : Math.abs(sum) / Math.sqrt(squares);
}

/** One false alarm in a million looks. */
export const biasMax = 5;
/** Fewer say nothing. */
export const sharesMin = 60;
