/** Random choices of the drill, from a seed. */
import { seededRandom } from '../../engine/adapters/seeded-random.ts';

export interface Dice {
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** True `percent` times out of a hundred. */
  chance(percent: number): boolean;
  /** One of these; there must be one. */
  pick<T>(items: readonly T[]): T;
  /** One of the keys, as likely as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name;
}

export function diceOf(seed: number): Dice {
  const random = seededRandom(seed);
  const between = (min: number, max: number) => min + random.below(max - min + 1);
  return {
    between,
    chance: (percent) => random.below(100) < percent,
    pick: (items) => items[random.below(items.length)] as (typeof items)[number],
    weighted<Name extends string>(weights: Readonly<Record<Name, number>>) {
      const entries = Object.entries(weights) as [Name, number][];
      let left = random.below(entries.reduce((sum, [, weight]) => sum + weight, 0));
      for (const [name, weight] of entries) {
        if (left < weight) return name;
        left -= weight;
      }
      throw new Error('weights sum to nothing');
    },
  };
}
