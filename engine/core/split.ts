/**
 * The unbiased lucky split (E13, E15; DESIGN "Shares").
 * Guards invariant 1's smaller half: every share ≥ 1 and one unit stays for every packet behind it.
 */
import type { Random } from '../ports/random.ts';
import { assert } from './assert.ts';

/**
 * Draws the next share when `remaining` units are left for `packets` packets.
 *
 * With b = 2R/m − 1 the share is uniform on 1…K, where K is b rounded up or down at random such that its mean
 * is b; the mean share is then exactly R/m, so the mean stays total/count at every position. The last packet takes
 * the rest. All arithmetic stays in safe integers: b is written as 2q − 1 + 2r/m with R = q·m + r.
 *
 * @param remaining units left, safe integer ≥ packets
 * @param packets unopened packets left, ≥ 1
 * @returns 1 … remaining − (packets − 1)
 */
export function drawShare(remaining: number, packets: number, random: Random): number {
  assert(
    Number.isSafeInteger(remaining) && packets >= 1 && remaining >= packets,
    'one unit for each packet',
  );
  if (packets === 1) return remaining;
  const quotient = Math.floor(remaining / packets);
  const doubledRest = 2 * (remaining % packets);
  const wholeRest = doubledRest >= packets ? 1 : 0;
  const numerator = doubledRest - wholeRest * packets;
  const roundUp = numerator > 0 && random.below(packets) < numerator ? 1 : 0;
  const share = 1 + random.below(2 * quotient - 1 + wholeRest + roundUp);
  assert(remaining - share >= packets - 1, 'at least one unit stays for everyone');
  return share;
}
