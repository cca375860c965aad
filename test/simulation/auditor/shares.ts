/** Whether shares are unbiased, over many runs: at each position the mean share is total/count. */
import type { History } from './history.ts';

/** Deviations from total/count, to be added up over runs. */
export interface ShareSums {
  count: number;
  sum: number;
  squares: number;
}

export function noShares(): ShareSums {
  return { count: 0, sum: 0, squares: 0 };
}

/** Looks at the last share of each lucky batch that was opened to the end: rounding adds up there. */
export function lastShares(histories: Iterable<History>): ShareSums {
  const sums = noShares();
  for (const { params, opens, packets } of histories) {
    if (params.mode !== 'lucky' || opens < params.count) continue;
    const last = packets.reduce((one, other) =>
      other.openVersion > one.openVersion ? other : one,
    );
    const deviation = (last.amount ?? 0) - params.total / params.count;
    sums.count += 1;
    sums.sum += deviation;
    sums.squares += deviation * deviation;
  }
  return sums;
}

export function addShares(into: ShareSums, more: ShareSums): void {
  into.count += more.count;
  into.sum += more.sum;
  into.squares += more.squares;
}

/** Standard errors away from no bias. */
export function biasOf({ sum, squares }: ShareSums): number {
  return squares === 0 ? 0 : Math.abs(sum) / Math.sqrt(squares);
}

/** Chance of a false alarm below one in a hundred million, looked at over and over. */
export const biasMax = 6;
/** Fewer say nothing. */
export const sharesMin = 60;
