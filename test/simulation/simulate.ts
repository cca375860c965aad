/** One run: a safety phase with faults, a liveness phase without, and the audit of all that was told. */
import { shareSums, noShares, type AllShares } from './auditor/shares.ts';
import { Noticed, Violation } from './auditor/history.ts';
import { heal, scheduleFaults } from './inject.ts';
import { drawSetting, type Options, type Setting } from './setting.ts';
import { Trace } from './trace.ts';
import { drive } from './virtual-clock.ts';
import { World } from './world.ts';

export interface Report {
  readonly seed: number;
  readonly digest: string;
  readonly failure: string | undefined;
  readonly operations: number;
  readonly attempts: number;
  readonly steps: number;
  readonly virtualMs: number;
  readonly answers: Record<string, number>;
  readonly faults: Record<string, number>;
  readonly counts: Record<string, number>;
  readonly shares: AllShares;
}

/** How long everything may take to settle once there are no faults. */
const livenessMs = 240_000;
const endingMs = 60_000;
const forwardMs = 5 * 3_600_000;
const stepsMax = 5_000_000;
/** Steps between two looks at whether a long phase is over. */
const lookEvery = 64;
const alwaysLookMs = 30_000;

export interface Hooks {
  readonly onLine?: ((line: string) => void) | undefined;
  /** Called before every step of the clock with its number. */
  readonly beforeStep?: ((step: number, world: World) => void) | undefined;
}

/** Everything told is settled, and nobody waits. */
function isQuiet(world: World): boolean {
  return (
    world.clients.pending.size === 0 &&
    world.rolledBack.size === 0 &&
    world.journal.controls.jobs().length === 0 &&
    world.processes.every((process) =>
      process.threads.every(
        (thread) => thread.serving && thread.host.status().unsettledEvents === 0,
      ),
    )
  );
}

function allEnded(world: World): boolean {
  for (const [id, { params, standing }] of world.store.committed.batches) {
    const history = world.auditor.ledger.histories.get(id);
    if (!standing.confirmed || world.auditor.poisoned.has(params.id)) continue;
    if (history === undefined || !history.isEnded) return false;
  }
  return true;
}

/** What keeps a run from ending, for its failure's text. */
function unrest(world: World): string {
  const pending = [...world.clients.pending].map((one) => `${one.id} ${one.kind} ${one.batchId}`);
  const threads = world.processes.flatMap((process) =>
    process.threads.map((thread) => {
      const { served, waiting, unsettledEvents } = thread.host.status();
      const serving = thread.serving ? 'serving' : 'not serving';
      return `${thread.machine.name} ${serving} ${served.join(' ')}; waiting ${waiting}, unsettled ${unsettledEvents}`;
    }),
  );
  const jobs = world.journal.controls.jobs().join(' ');
  return `pending: ${pending.join(', ')}\njobs: ${jobs}\n${threads.join('\n')}`;
}

class Run {
  readonly world: World;
  readonly #hooks: Hooks;
  steps = 0;

  constructor(world: World, hooks: Hooks) {
    this.world = world;
    this.#hooks = hooks;
  }

  /** Runs until `done` or a failure. @throws Violation when virtual time runs out first */
  async until(what: string, limitMs: number, done: () => boolean): Promise<void> {
    const { world } = this;
    const deadline = world.clock.monotonic() + limitMs;
    await drive(() => {
      if (world.failure !== undefined) return false;
      if ((limitMs <= alwaysLookMs || this.steps % lookEvery === 0) && done()) return false;
      this.steps += 1;
      if (world.clock.monotonic() > deadline || this.steps > stepsMax)
        throw new Violation(`${what} never ends (liveness)\n${unrest(world)}`);
      this.#hooks.beforeStep?.(this.steps, world);
      return world.clock.fire();
    });
    if (world.failure !== undefined) throw world.failure;
  }
}

async function play(run: Run, setting: Setting, happened: (kind: string) => void): Promise<void> {
  const { world } = run;
  await world.start();
  scheduleFaults(world, happened);
  const safeUntil = world.clock.monotonic() + setting.spanMs + 1;
  await run.until(
    'the safety phase',
    2 * setting.spanMs,
    () => world.clock.monotonic() >= safeUntil,
  );
  heal(world);
  await run.until('settling', livenessMs, () => isQuiet(world));
  for (const process of world.processes) process.wall.offsetMs += forwardMs;
  world.trace(() => 'all batches are due');
  await run.until('expiry', endingMs, () => allEnded(world) && isQuiet(world));
  world.auditor.checkAll(world.store.committed);
}

export async function simulateSetting(setting: Setting, hooks: Hooks = {}): Promise<Report> {
  const trace = new Trace(hooks.onLine);
  const world = new World(setting, trace);
  const run = new Run(world, hooks);
  const faults: Record<string, number> = {};
  const onRejection = (error: unknown) => world.fail(error);
  process.on('unhandledRejection', onRejection);
  let failure: string | undefined;
  try {
    await play(run, setting, (kind) => {
      faults[kind] = (faults[kind] ?? 0) + 1;
    });
  } catch (error) {
    const isViolation = error instanceof Violation;
    if (error instanceof Noticed) faults['loss-noticed'] = 1;
    else
      failure =
        error instanceof Error && !isViolation ? (error.stack ?? error.message) : String(error);
    // Even a run that failed is checked to the end when the failure is only that it did not end.
    world.trace(() => `failed: ${failure}`);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  for (const [kind, count] of world.addFaults.counts) faults[kind] = count;
  for (const kind of setting.faults.run) faults[kind] ??= 1;
  return {
    seed: setting.seed,
    digest: trace.digest(),
    failure,
    operations: setting.workload.operations.length,
    attempts: world.clients.attempts,
    steps: run.steps,
    virtualMs: world.clock.monotonic() - setting.startMs,
    answers: Object.fromEntries(world.clients.answers),
    faults,
    counts: world.counts,
    shares: failure === undefined ? shareSums(world.auditor.ledger.histories.values()) : noShares(),
  };
}

export function simulate(options: Options, hooks: Hooks = {}): Promise<Report> {
  return simulateSetting(drawSetting(options), hooks);
}
