/** Reproducible draws, in streams that do not disturb each other. */
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import type { Random } from '../../engine/ports/random.ts';

const million = 1_000_000;

export class Dice implements Random {
  readonly #random: Random;

  constructor(seed: number, stream: string) {
    let mixed = (seed ^ 0x9e3779b9) >>> 0;
    for (let i = 0; i < stream.length; i += 1)
      mixed = Math.imul(mixed ^ stream.charCodeAt(i), 0x01000193) >>> 0;
    this.#random = seededRandom(mixed);
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.below(million) < probability * million;
  }

  /** Both ends included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
