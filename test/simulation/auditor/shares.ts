/** Whether shares are unbiased, over many runs: the mean share is total/count at every position. */
import type { History } from './history.ts';

/** Deviations from total/count, to be added up over runs. */
export interface ShareSums {
  count: number;
  sum: number;
  squares: number;
}

export interface AllShares {
  readonly each: ShareSums;
  readonly last: ShareSums;
}

export function noShares(): AllShares {
  return { each: { count: 0, sum: 0, squares: 0 }, last: { count: 0, sum: 0, squares: 0 } };
}

/**
 * Looks at every share, against the mean of what was left when it was drawn, and at the last share of each batch that
 * was opened to the end, where rounding would add up. (Neither which batches are opened to the end, nor which draws a
 * crash takes away, depends on amounts.)
 */
export function shareSums(histories: Iterable<History>): AllShares {
  const all = noShares();
  for (const { params, opens, packets } of histories) {
    if (params.mode !== 'lucky') continue;
    const opened = packets.filter(({ amount }) => amount !== undefined);
    opened.sort((one, other) => one.openVersion - other.openVersion);
    let rest = params.total;
    for (const [i, { amount = 0 }] of opened.entries()) {
      const mean = rest / (params.count - i);
      // Relative, so that batches of much money do not drown the others; the very last takes the rest anyway.
      if (i < params.count - 1) note(all.each, (amount - mean) / mean);
      rest -= amount;
    }
    if (opens === params.count) {
      const mean = params.total / params.count;
      note(all.last, ((opened.at(-1)?.amount ?? 0) - mean) / mean);
    }
  }
  return all;
}

function note(sums: ShareSums, deviation: number): void {
  sums.count += 1;
  sums.sum += deviation;
  sums.squares += deviation * deviation;
}

export function addShares(into: AllShares, more: AllShares): void {
  for (const which of ['each', 'last'] as const) {
    into[which].count += more[which].count;
    into[which].sum += more[which].sum;
    into[which].squares += more[which].squares;
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
