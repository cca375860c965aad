/** Journal and store as one machine sees them: over the network, with the faults of adds, gone when it dies. */
import type { Timer } from '../../engine/ports/clock.ts';
import type { Consumer, JobId, Journal } from '../../engine/ports/journal.ts';
import { JournalRefusal } from '../../engine/ports/journal.ts';
import type { LockedOwner, Store } from '../../engine/ports/store.ts';
import type { AddKind } from './faults.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';

/** A killed process's connection is noticed, and a job that nobody finishes comes back, after so long. */
const noticedAfterMs = 40;
const jobsAtOnce = 2;
/** As the store's adapter sets it: a paused process keeps its transaction open no longer. */
const idleInTransactionMs = 30_000;

export interface PortsDeps {
  readonly machine: Machine;
  readonly network: Network;
  /** Runs on the world's clock, whatever happens to the machine. */
  readonly later: (delayMs: number, run: () => void) => Timer;
}

export interface AddFaults {
  /** What happens to this add. */
  draw(id: JobId): AddKind | undefined;
  delayMs(): number;
  /** The payload as the broken core would have written it. */
  poison(payload: string): string;
}

export function machineJournal(deps: PortsDeps, inner: Journal, faults: AddFaults): Journal {
  const { machine, later } = deps;
  const add = async (id: JobId, clean: string) => {
    const payload = faults.poison(clean);
    const again = (delayMs: number) =>
      later(delayMs, () => {
        inner.add(id, payload).catch(() => undefined);
      });
    const fault = faults.draw(id);
    switch (fault) {
      case 'add-landed-but-failed':
        await inner.add(id, payload);
        throw new Error('add: no reply');
      case 'add-twice':
        again(faults.delayMs());
        return inner.add(id, payload);
      case 'add-late':
        again(faults.delayMs());
        throw new Error('add: timed out');
      case 'add-lost':
        throw new Error('add: no connection');
      case 'add-refused':
        throw new JournalRefusal('add: refused');
      case undefined:
        return inner.add(id, payload);
    }
  };
  return {
    add: (id, payload) => machine.receive(add(id, payload)),
    read: (ids) => machine.receive(inner.read(ids)),
    ownership: () => machine.receive(inner.ownership()),
    take: (shards, number) => machine.receive(inner.take(shards, number)),
    bind: (id) => machine.receive(inner.bind(id)),
    depth: () => machine.receive(inner.depth()),
    pressure: () => machine.receive(inner.pressure()),
    consume: (handler, options) =>
      machine.receive(consume(deps, inner, handler, options.concurrency)),
    close: () => machine.receive(inner.close()),
  };
}

/** A delivered job of a machine that dies comes again, as a stalled one does. */
async function consume(
  { machine, later }: PortsDeps,
  inner: Journal,
  handler: (id: JobId, payload: string) => Promise<void>,
  concurrency: number,
): Promise<Consumer> {
  const consumer = await inner.consume(
    (id, payload) =>
      new Promise<void>((resolve, reject) => {
        const forget = machine.onDeath(() =>
          later(noticedAfterMs, () => reject(new Error('job stalled'))),
        );
        machine.deliver(() => {
          handler(id, payload).then(resolve, reject).finally(forget);
        });
      }),
    // Few at once, so that several workers share one owner's jobs.
    { concurrency: Math.min(concurrency, jobsAtOnce) },
  );
  machine.onDeath(() => void consumer.close());
  return consumer;
}

export function machineStore(
  deps: PortsDeps,
  inner: Store,
  onNumber: (number: number) => void,
): Store {
  const { machine, network, later } = deps;
  const call =
    <Args extends readonly unknown[], T>(ask: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> =>
      machine.receive(network.ask(() => ask(...args)));

  /** Rejects when the server gives up the connection of this machine. */
  const connectionLost = () => {
    const lost = Promise.withResolvers<never>();
    const forget = machine.onDeath(() =>
      later(noticedAfterMs, () => lost.reject(new Error('connection closed'))),
    );
    const idle = later(idleInTransactionMs, () => {
      if (machine.state === 'paused') lost.reject(new Error('idle in transaction'));
    });
    const done = () => {
      idle.cancel();
      forget();
    };
    return { promise: lost.promise, done };
  };

  const remote = (owner: LockedOwner): LockedOwner => ({
    settled: owner.settled,
    sealedAbove: call((shards) => owner.sealedAbove(shards)),
    apply: call((events, now) => owner.apply(events, now)),
    advance: call((settled, dropped) => owner.advance(settled, dropped)),
  });

  return {
    journalId: call(() => inner.journalId()),
    markBound: call(() => inner.markBound()),
    newOwner: call(async (shards) => {
      const number = await inner.newOwner(shards);
      onNumber(number);
      return number;
    }),
    earlierOwners: call((shards, number) => inner.earlierOwners(shards, number)),
    seal: call((shards, number, earlier) => inner.seal(shards, number, earlier)),
    withOwner: (number, work) =>
      machine.receive(
        network.ask(() =>
          inner.withOwner(number, async (owner) => {
            const lost = connectionLost();
            const there = remote(owner);
            try {
              return await Promise.race([
                lost.promise,
                machine
                  .receive(network.way())
                  .then(() => work(there))
                  .then(async (result) => {
                    await network.way();
                    return result;
                  }),
              ]);
            } finally {
              lost.done();
            }
          }),
        ),
      ),
    progress: call((numbers) => inner.progress(numbers)),
    quarantinedBatches: call((number) => inner.quarantinedBatches(number)),
    load: call((batchId) => inner.load(batchId)),
    overdue: call((...args) => inner.overdue(...args)),
    close: call(() => inner.close()),
  };
}
