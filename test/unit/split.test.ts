/** The lucky split against the closed forms of DESIGN "Shares" (E13): mean, variance, best luck by position. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import { systemRandom } from '../../engine/adapters/random.ts';
import { drawShare } from '../../engine/core/split.ts';
import type { Random } from '../../engine/ports/random.ts';

type Draw = (remaining: number, packets: number, random: Random) => number;

function split(total: number, count: number, random: Random, draw: Draw = drawShare): number[] {
  const shares: number[] = [];
  let left = total;
  for (let packets = count; packets >= 1; packets -= 1) {
    const share = draw(left, packets, random);
    shares.push(share);
    left -= share;
  }
  return shares;
}

interface Statistics {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  /** How often each position held the largest share; a tie goes to the earlier one. */
  readonly best: readonly number[];
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

function observe(total: number, count: number, draws: number, draw: Draw = drawShare): Statistics {
  const random = seededRandom(20_260_101);
  const sum = zeros(count);
  const squares = zeros(count);
  const best = zeros(count);
  for (let i = 0; i < draws; i += 1) {
    const shares = split(total, count, random, draw);
    let top = 0;
    for (const [k, share] of shares.entries()) {
      sum[k] = (sum[k] ?? 0) + share;
      squares[k] = (squares[k] ?? 0) + share * share;
      if (share > (shares[top] ?? 0)) top = k;
    }
    best[top] = (best[top] ?? 0) + 1;
  }
  const mean = sum.map((value) => value / draws);
  return {
    mean,
    variance: squares.map((value, k) => value / draws - (mean[k] ?? 0) ** 2),
    best: best.map((value) => value / draws),
  };
}

/** Var of position k: 4A_k/(3m²) − (S/n)², with A_1 = S², A_{k+1} = A_k(1 − 2/m + 4/(3m²)), m = n − k + 1. */
function expectedVariance(total: number, count: number): number[] {
  const variances: number[] = [];
  let a = total * total;
  for (let k = 1; k <= count; k += 1) {
    const m = count - k + 1;
    // The last packet takes the rest, whose second moment is A itself.
    variances.push((m === 1 ? a : (4 * a) / (3 * m * m)) - (total / count) ** 2);
    a *= 1 - 2 / m + 4 / (3 * m * m);
  }
  return variances;
}

/** Largest distance of a position's mean from total/count, in standard errors. */
function meanError(statistics: Statistics, total: number, count: number, draws: number): number {
  const errors = statistics.mean.map(
    (mean, k) => Math.abs(mean - total / count) / Math.sqrt((statistics.variance[k] ?? 0) / draws),
  );
  return Math.max(...errors);
}

const draws = 400_000;
const total = 1_000_000;

describe('the lucky split', () => {
  it.each([5, 10])('has mean total/count at every position (n = %i)', (count) => {
    expect(meanError(observe(total, count, draws), total, count, draws)).toBeLessThan(4);
  });

  it('keeps that mean where rounding matters most: a few units over one each', () => {
    for (const [sum, count] of [
      [7, 5],
      [11, 10],
      [13, 4],
      [21, 10],
    ] as const) {
      expect(meanError(observe(sum, count, draws), sum, count, draws)).toBeLessThan(4);
    }
  });

  it.each([5, 10])('has the variance of the closed form at every position (n = %i)', (count) => {
    const { variance } = observe(total, count, draws);
    for (const [k, expected] of expectedVariance(total, count).entries()) {
      expect((variance[k] ?? 0) / expected).toBeGreaterThan(0.98);
      expect((variance[k] ?? 0) / expected).toBeLessThan(1.02);
    }
  });

  it.each([
    [5, [0.217, 0.203, 0.197, 0.191, 0.192]],
    [10, [0.101, 0.095, 0.092, 0.088, 0.089, 0.091, 0.097, 0.107, 0.121, 0.12]],
  ] as const)('gives best luck by position as computed (n = %i)', (count, expected) => {
    const { best } = observe(total, count, draws);
    for (const [k, probability] of expected.entries()) {
      // Half a unit of the last digit stated, and four standard errors.
      const tolerance = 0.0005 + 4 * Math.sqrt((probability * (1 - probability)) / draws);
      expect(Math.abs((best[k] ?? 0) - probability)).toBeLessThan(tolerance);
    }
  });

  it('would be found out if it were nextInt(2R/m − 1) + 1', () => {
    const biased: Draw = (remaining, packets, random) =>
      packets === 1
        ? remaining
        : 1 + random.below(Math.max(1, Math.floor((2 * remaining) / packets - 1)));
    const errors = (
      [
        [7, 5],
        [13, 4],
      ] as const
    ).map(([sum, count]) => meanError(observe(sum, count, draws, biased), sum, count, draws));
    expect(Math.max(...errors)).toBeGreaterThan(20);
  });

  it('would be found out if it were floor(U·2R/m)', () => {
    const biased: Draw = (remaining, packets, random) =>
      packets === 1
        ? remaining
        : Math.max(
            1,
            Math.min(remaining - packets + 1, random.below(Math.floor((2 * remaining) / packets))),
          );
    expect(meanError(observe(13, 4, draws, biased), 13, 4, draws)).toBeGreaterThan(20);
  });

  it('sums exactly, with at least one unit each, up to the largest safe integer', () => {
    const amounts = fc.tuple(
      fc.integer({ min: 2, max: 200 }),
      fc.oneof(fc.integer({ min: 0, max: 50 }), fc.maxSafeNat()),
      fc.integer(),
    );
    fc.assert(
      fc.property(amounts, ([count, extra, seed]) => {
        const sum = Math.min(count + extra, Number.MAX_SAFE_INTEGER);
        const shares = split(sum, count, seededRandom(seed));
        expect(shares.every((share) => Number.isSafeInteger(share) && share >= 1)).toBe(true);
        expect(shares.reduce((a, b) => a + BigInt(b), 0n)).toBe(BigInt(sum));
      }),
      { numRuns: 5_000 },
    );
  });

  it('draws from the operating system without bias at an awkward bound', () => {
    const random = systemRandom();
    const bound = 3 * 2 ** 51;
    const thirds = [0, 0, 0];
    for (let i = 0; i < 60_000; i += 1) {
      const third = Math.floor(random.below(bound) / 2 ** 51);
      thirds[third] = (thirds[third] ?? 0) + 1;
    }
    // A plain modulo would fill the first third twice as often as the others.
    for (const hits of thirds) expect(Math.abs(hits - 20_000)).toBeLessThan(600);
  });
});
