/** Every mutant; each takes one rule of the durability protocol away and must be caught (`mutants.test.ts`). */
import { gateMutants } from './mutants/gate.ts';
import type { Mutant } from './mutants/patch.ts';
import { settleMutants } from './mutants/settle.ts';
import { takeOverMutants } from './mutants/take-over.ts';

export const mutants: readonly Mutant[] = [...gateMutants, ...takeOverMutants, ...settleMutants];

/** Fixed beforehand: a mutant is caught by one of these or not at all, and the engine as it is passes all. */
export const fixedSeeds: readonly number[] = Array.from({ length: 500 }, (_, i) => 20_260_217 + i);
