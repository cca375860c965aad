/** The kinds of faults. Each run draws which of them it has, and how many (swarm): runs shall differ. */
import type { Dice } from './dice.ts';

/** Happen at drawn moments. */
export const momentKinds = [
  'crash-thread',
  'crash-process',
  'crash-worker',
  'crash-database',
  'restart-journal',
  'roll-back-journal',
  'stall-store',
  'stall-journal',
  'cut-journal',
  'fail-commit',
  'deliver-again',
  'delay-delivery',
  'jump-clock',
  'take-over',
  'hand-over',
  'pause-process',
  'throwing-actor',
] as const;

/** Happen to each add with a drawn probability. */
export const addKinds = [
  'add-landed-but-failed',
  'add-twice',
  'add-late',
  'add-lost',
  'add-refused',
] as const;

/** Hold for the whole run. */
export const runKinds = ['reorder-delivery', 'poison', 'tiny-residency', 'slow-ways'] as const;

export const faultKinds = [...momentKinds, ...addKinds, ...runKinds] as const;
export type MomentKind = (typeof momentKinds)[number];
export type AddKind = (typeof addKinds)[number];
export type FaultKind = (typeof faultKinds)[number];

export function isFaultKind(text: string): text is FaultKind {
  return (faultKinds as readonly string[]).includes(text);
}

export interface Moment {
  readonly kind: MomentKind;
  readonly atMs: number;
  /** Chooses whom it hits, and variants. */
  readonly draw: number;
  readonly durationMs: number;
}

export interface Faults {
  readonly moments: readonly Moment[];
  readonly adds: ReadonlyMap<AddKind, number>;
  readonly run: ReadonlySet<FaultKind>;
}

/** Most runs have a few kinds, some have none, some have many. */
export function drawFaults(dice: Dice, spanMs: number, without: ReadonlySet<FaultKind>): Faults {
  const density = dice.pick([0, 0.15, 0.3, 0.3, 0.5, 0.5, 0.8]);
  const moments: Moment[] = [];
  for (const kind of momentKinds) {
    const count = dice.chance(density) ? dice.between(1, dice.pick([1, 2, 6])) : 0;
    for (let i = 0; i < count; i += 1) {
      const atMs = dice.below(spanMs);
      const long = dice.chance(0.04) ? 120_000 : dice.pick([50, 500, 4_000]);
      const moment = { kind, atMs, draw: dice.below(2 ** 31), durationMs: dice.between(1, long) };
      if (!without.has(kind)) moments.push(moment);
    }
  }
  const adds = new Map<AddKind, number>();
  for (const kind of addKinds) {
    const probability = dice.chance(density) ? dice.pick([0.02, 0.1, 0.3]) : 0;
    const refusal = kind === 'add-refused' ? 0.2 : 1;
    if (probability > 0 && !without.has(kind)) adds.set(kind, probability * refusal);
  }
  const run = new Set<FaultKind>();
  for (const kind of runKinds) {
    const wanted = dice.chance(kind === 'poison' ? density / 3 : density + 0.1);
    if (wanted && !without.has(kind)) run.add(kind);
  }
  moments.sort((one, other) => one.atMs - other.atMs);
  return { moments, adds, run };
}
