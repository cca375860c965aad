/** Uniform integers below any bound from uniform 53-bit words, by rejection: no bias, whatever the bound. */
import { assert } from '../core/assert.ts';
import type { Random } from '../ports/random.ts';

const range = 2 ** 53;

/** @param word gives uniform integers in 0 … 2^53 − 1 */
export function uniformBelow(word: () => number): Random {
  return {
    below(bound) {
      assert(Number.isSafeInteger(bound) && bound >= 1, 'a bound is a positive safe integer');
      // Words of the last, incomplete stretch would favour small results: draw again.
      const limit = range - (range % bound);
      let value = word();
      while (value >= limit) value = word();
      return value % bound;
    },
  };
}
