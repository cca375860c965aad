/** What is broken when: a random plan that the seed fixes. (The timing of everything else is real.) */
import { type Dice, diceOf } from './dice.ts';

/**
 * `server`, `worker`, `redis`, `postmaster`: kill -9 of that process. `backend`: kill -9 of one PostgreSQL session or
 * helper, after which the server restarts them all. `pause`: SIGSTOP of a server, and SIGCONT later. `stall`: the same
 * for the journal's store, so that adds are under way for long; most often a server is killed meanwhile.
 */
export const strikeKinds = [
  'server',
  'worker',
  'redis',
  'postmaster',
  'backend',
  'pause',
  'stall',
] as const;
export type StrikeKind = (typeof strikeKinds)[number];

export interface Strike {
  readonly kind: StrikeKind;
  /** Which server; taken modulo their count. */
  readonly server: number;
  /** After the round's first strike. */
  readonly afterMs: number;
  /** How long Redis stays away, or a pause or stall lasts. */
  readonly awayMs: number;
  /** Kills of the same kind during the recovery: each comes so long after the restart began. */
  readonly again: readonly number[];
}

export interface Round {
  /** Load runs undisturbed for so long before. */
  readonly quietMs: number;
  readonly strikes: readonly Strike[];
}

/** What there is to be struck. */
export interface Setting {
  readonly redis: boolean;
  /** The settle worker is a process of its own. */
  readonly worker: boolean;
  readonly nodes: number;
}

const weights = {
  server: 6,
  worker: 5,
  redis: 5,
  postmaster: 4,
  backend: 3,
  pause: 3,
  stall: 5,
} as const;

/**
 * Draws one round after the other. Two rounds in five strike two or three parts nearly at once; every second strike is
 * repeated during the recovery.
 */
export function planner(seed: number): (setting: Setting) => Round {
  const dice = diceOf(seed);
  return ({ redis, worker, nodes }) => {
    const usable = {
      ...weights,
      redis: redis ? weights.redis : 0,
      worker: worker ? weights.worker : 0,
    };
    const kinds = [dice.weighted(usable)];
    const more = { none: 0, one: 1, two: 2 }[dice.weighted({ none: 6, one: 3, two: 1 })];
    for (let i = 0; i < more; i += 1) {
      const kind = dice.weighted(usable);
      if (!kinds.includes(kind)) kinds.push(kind);
    }
    const strikes = kinds.map((kind, i) => ({
      kind,
      server: dice.between(0, 1),
      afterMs: i === 0 ? 0 : dice.between(0, 1_500),
      awayMs: awayMs(kind, nodes, dice.between(0, 1_000)),
      again: kind === 'pause' || kind === 'stall' ? [] : againDelays(dice),
    }));
    const [first] = strikes;
    if (first?.kind === 'stall' && dice.chance(75)) {
      const afterMs = Math.round((first.awayMs * dice.between(200, 1_000)) / 1_000);
      strikes.push({ ...first, kind: 'server', afterMs, awayMs: 0 });
    }
    return { quietMs: dice.between(300, 2_000), strikes };
  };
}

/** Per mille of the longest time away. A pause among two nodes often outlasts the leases. */
function awayMs(kind: StrikeKind, nodes: number, share: number): number {
  const longest =
    kind === 'pause'
      ? nodes > 1
        ? 6_000
        : 2_500
      : kind === 'redis' || kind === 'stall'
        ? 1_500
        : 0;
  return Math.round((longest * share) / 1_000);
}

function againDelays(dice: Dice): number[] {
  // All are drawn in any case, so that one choice does not move what follows.
  const count = [50, 20].filter((percent) => dice.chance(percent)).length;
  return [dice.between(0, 1_500), dice.between(0, 800)].slice(0, count);
}
