/** Reproducible randomness for tests and simulation (splitmix32); never for real shares. */
import type { Random } from '../ports/random.ts';
import { uniformBelow } from './uniform.ts';

/** The same seed gives the same numbers on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next32 = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const word = () => (next32() >>> 11) * 2 ** 32 + next32();
  return uniformBelow(word);
}
