/** Carries a fault out: whom it hits is drawn with it. */
import type { FakeImage } from '../../engine/journal/fake-controls.ts';
import { Violation } from './auditor/history.ts';
import type { Moment, MomentKind } from './faults.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';

const hourMs = 3_600_000;
/** A dead process is away no longer than this. */
const restartMsMax = 3_000;
/** A store that was rolled back shows a moment at most so long ago. */
const rollBackMsMax = 800;

/** An owner notices, and has added its payloads again, so soon once nothing is broken. */
const repairMsMax = 20_000;

/** True when the fault could happen. */
type Inject = (world: World, moment: Moment) => boolean;

function someProcess(world: World, draw: number): Process | undefined {
  const alive = world.processes.filter(({ machine }) => machine.state === 'up');
  return alive[draw % Math.max(1, alive.length)];
}

/** After a roll-back its jobs live in their owners' memory alone: whoever ends an owner then, loses them. */
function isFragile(world: World): boolean {
  return world.rolledBack.size > 0;
}

/** Gives some shards to `taker`; the others hear of it only after `deafMs`. */
function takeShards(world: World, taker: Process, draw: number, deafMs: number): void {
  for (const [shard, index] of world.desired) {
    if (index === taker.index || (draw >> (shard % 7)) % 2 === 1) continue;
    world.desired.set(shard, taker.index);
    const former = world.processes[index];
    if (former !== undefined) former.deafUntil = world.clock.monotonic() + deafMs;
  }
  taker.deafUntil = 0;
  taker.assign(world.desiredOf(taker.index));
}

const injections: Record<MomentKind, Inject> = {
  'crash-thread': (world, { draw }) => {
    const process = someProcess(world, draw);
    if (process === undefined || isFragile(world)) return false;
    process.killThread((draw >> 8) % process.threads.length);
    return true;
  },
  'crash-process': (world, { draw, durationMs }) => {
    const process = someProcess(world, draw);
    if (process === undefined || isFragile(world)) return false;
    process.kill();
    world.later(Math.min(durationMs, restartMsMax), () => world.startProcess(process.index));
    const other = someProcess(world, draw >> 4);
    if (other !== undefined && (draw >> 8) % 2 === 0) takeShards(world, other, 0, 0);
    return true;
  },
  'crash-worker': (world, { draw, durationMs }) => {
    const index = draw % world.workers.length;
    const machine = world.workers[index];
    if (machine === undefined || machine.state === 'dead') return false;
    machine.kill();
    world.later(Math.min(durationMs, restartMsMax), () => world.startWorker(index));
    return true;
  },
  'crash-database': (world, { durationMs }) => {
    world.network.databaseRun += 1;
    world.network.databaseUp = false;
    world.store.crash();
    world.later(Math.min(durationMs, 500), () => {
      world.network.databaseUp = true;
    });
    return true;
  },
  'restart-journal': (world) => {
    world.journal.controls.restart();
    return true;
  },
  'roll-back-journal': () => false,
  'stall-store': (world, { durationMs }) => {
    world.store.stall();
    world.later(durationMs, () => world.store.resume());
    return true;
  },
  'stall-journal': (world, { draw, durationMs }) => {
    const { controls } = world.journal;
    controls.hold();
    if (draw % 2 === 0) world.later(Math.ceil(durationMs / 2), () => controls.timeOutHeld());
    world.later(durationMs, () => controls.release());
    return true;
  },
  'cut-journal': (world, { durationMs }) => {
    world.journal.controls.setReachable(false);
    world.later(durationMs, () => world.journal.controls.setReachable(true));
    return true;
  },
  'fail-commit': (world, { draw }) => {
    world.store.failNextCommit(draw % 2 === 0 ? 'before' : 'after');
    return true;
  },
  'deliver-again': (world, { draw }) => {
    const job = world.everKept[draw % Math.max(1, world.everKept.length)];
    if (job === undefined) return false;
    world.journal.controls.deliverAgain(job);
    return true;
  },
  'delay-delivery': (world, { durationMs }) => {
    world.journal.controls.holdDelivery();
    world.later(durationMs, () => world.journal.controls.resumeDelivery());
    return true;
  },
  'jump-clock': (world, { draw }) => {
    const process = someProcess(world, draw);
    if (process === undefined) return false;
    const byMs = (draw >> 4) % hourMs;
    process.wall.offsetMs += draw % 2 === 0 ? byMs : -byMs;
    return true;
  },
  'take-over': (world, { draw, durationMs }) => {
    const taker = someProcess(world, draw);
    if (taker === undefined || isFragile(world)) return false;
    takeShards(world, taker, draw >> 4, durationMs);
    // Somebody else tries at almost the same time.
    world.later((draw >> 8) % 30, () => {
      const rival = someProcess(world, draw >> 12);
      if ((draw >> 16) % 2 === 0 && rival !== undefined && !isFragile(world))
        takeShards(world, rival, draw >> 4, durationMs);
    });
    // It is held up in the middle of taking, and goes on when the rival may long have served.
    if ((draw >> 18) % 3 === 0) {
      world.later(1 + ((draw >> 20) % 15), () => {
        if (taker.machine.state !== 'up' || isFragile(world)) return;
        taker.pause();
        world.later(Math.min(durationMs, 1_000), () => taker.resume());
      });
    }
    return true;
  },
  'hand-over': (world, { draw }) => {
    const taker = someProcess(world, draw);
    if (taker === undefined || isFragile(world)) return false;
    takeShards(world, taker, draw >> 4, 0);
    return true;
  },
  'pause-process': (world, { draw, durationMs }) => {
    const process = someProcess(world, draw);
    if (process === undefined || isFragile(world)) return false;
    process.pause();
    world.later(durationMs, () => process.resume());
    world.later(1 + ((draw >> 8) % 300), () => {
      const taker = someProcess(world, draw >> 4);
      if (taker !== undefined && !isFragile(world)) takeShards(world, taker, 0, 2 * durationMs);
    });
    return true;
  },
  'throwing-actor': (world, { draw }) => {
    const { batches } = world.setting.workload;
    const batch = batches[draw % batches.length];
    const process = someProcess(world, draw >> 4);
    if (batch === undefined || process === undefined || isFragile(world)) return false;
    const nonsense = { kind: 'nonsense' } as never;
    world.nonsense.add(nonsense);
    process.ask(batch.params.id, nonsense, 'nobody', () => world.nonsense.delete(nonsense));
    return true;
  },
};

/** Every shard is where it should be, and nobody is taking any. */
function shardsAreSettled(world: World): boolean {
  const threads = world.processes.flatMap((process) => process.threads);
  if (threads.some((thread) => thread.taking > 0 || !thread.serving)) return false;
  return [...world.desired].every(([shard, index]) =>
    world.processes.every(
      (process) =>
        process.threads.some(({ host }) => host.status().served.includes(shard)) ===
        (process.index === index),
    ),
  );
}

/**
 * The journal's store shows an older state. Only while every job that goes is in the memory of its living owner, and
 * nobody is taking shards over: what else a roll-back destroys, nobody can know.
 */
function rollBack(world: World, image: FakeImage): boolean {
  if (isFragile(world) || world.nonsense.size > 0 || !shardsAreSettled(world)) return false;
  const jobs = world.journal.controls.jobs();
  const gone = jobs.filter((id) => !image.jobs.has(id) && !world.isSettled(id));
  if (gone.some((id) => !world.isHeldByOwner(id))) return false;
  for (const id of gone) world.rolledBack.add(id);
  world.allowGaps();
  world.journal.controls.rollBack(image);
  return true;
}

/** For a fault at a step instead of a time. */
export function injectNow(world: World, moment: Moment): boolean {
  return injections[moment.kind](world, moment);
}

/** Puts all moments on the world's clock. */
export function scheduleFaults(world: World, happened: (kind: MomentKind) => void): void {
  for (const moment of world.setting.faults.moments) {
    let image: FakeImage | undefined;
    if (moment.kind === 'roll-back-journal') {
      const age = moment.draw % rollBackMsMax;
      world.later(Math.max(0, moment.atMs - age), () => {
        image = world.journal.controls.image();
        // Mostly settling lags behind, or nothing would be lost.
        if (moment.durationMs % 4 > 0 && !world.calm) world.journal.controls.holdDelivery();
      });
    }
    world.later(moment.atMs, () => {
      if (world.calm) return;
      const done =
        image === undefined ? injections[moment.kind](world, moment) : rollBack(world, image);
      if (image !== undefined) world.later(50, () => world.journal.controls.resumeDelivery());
      if (!done) return;
      happened(moment.kind);
      world.trace(() => `fault ${moment.kind} ${moment.draw} ${moment.durationMs}`);
    });
  }
}

/** No faults any more; what is broken is whole again. */
export function heal(world: World): void {
  world.calm = true;
  world.network.calm = true;
  world.addFaults.calm = true;
  world.network.databaseUp = true;
  world.store.resume();
  const { controls } = world.journal;
  controls.setReachable(true);
  controls.release();
  controls.resumeDelivery();
  for (const process of world.processes) {
    process.deafUntil = 0;
    process.resume();
  }
  world.later(repairMsMax, () => {
    if (isFragile(world))
      world.fail(
        new Violation(`rolled back and never repaired: ${[...world.rolledBack].join(' ')}`),
      );
  });
  world.trace(() => 'healed');
}
