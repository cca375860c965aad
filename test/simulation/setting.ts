/** What one run is made of, all of it drawn from its seed. */
import { Dice } from './dice.ts';
import { drawFaults, type FaultKind, type Faults } from './faults.ts';
import { drawWorkload, type Workload } from './workload.ts';

/** What the command line, or shrinking, may take away from a run. */
export interface Options {
  readonly seed: number;
  /** The first so many operations only. */
  readonly operations?: number | undefined;
  readonly without?: readonly FaultKind[] | undefined;
}

export interface Ways {
  readonly minMs: number;
  readonly jitterMs: number;
  /** Probability of a way that takes up to `tailMs`. */
  readonly tailChance: number;
  readonly tailMs: number;
}

export interface Setting {
  readonly seed: number;
  readonly startMs: number;
  readonly spanMs: number;
  readonly processes: number;
  readonly threads: number;
  readonly workers: number;
  readonly allShards: boolean;
  readonly residentActors: number | undefined;
  /** Waiting bytes at which settling stands back; undefined: the limit. */
  readonly burstBytes: number | undefined;
  readonly ways: Ways;
  readonly workload: Workload;
  readonly faults: Faults;
}

export function drawSetting(options: Options): Setting {
  const { seed } = options;
  const without = new Set<FaultKind>(options.without);
  const dice = new Dice(seed, 'setting');
  const startMs = 1_800_000_000_000;
  const spanMs = dice.pick([500, 2_000, 6_000]);
  const count = dice.between(20, dice.pick([60, 120, 200]));
  const workload = drawWorkload(new Dice(seed, 'workload'), count, startMs, spanMs);
  const faults = drawFaults(new Dice(seed, 'faults'), spanMs, without);
  const processes = dice.pick([1, 2, 2, 3]);
  const threads = dice.between(1, 2);
  const workers = dice.between(1, 2);
  const allShards = dice.chance(0.1);
  const residentActors = dice.between(1, 2);
  const minMs = dice.pick([0, 0, 1]);
  const jitterMs = dice.pick([0, 2, 8]);
  const slow = { tailChance: dice.pick([0.01, 0.05]), tailMs: dice.pick([100, 2_000]) };
  const burstBytes = dice.pick([undefined, undefined, 200]);
  const tail = faults.run.has('slow-ways') ? slow : { tailChance: 0, tailMs: 1 };
  return {
    seed,
    startMs,
    spanMs,
    processes,
    threads,
    workers,
    allShards,
    residentActors: faults.run.has('tiny-residency') ? residentActors : undefined,
    burstBytes,
    ways: { minMs, jitterMs, ...tail },
    workload: { ...workload, operations: workload.operations.slice(0, options.operations) },
    faults,
  };
}
