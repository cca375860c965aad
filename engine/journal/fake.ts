/**
 * The Journal port in memory, for tests and simulation: the same promises as the real ones until a
 * test breaks them through FakeControls. It has no time and no randomness but what it is given.
 */
import { shardCount } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Consumer, JobId, Journal } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import { fakeAdds } from './fake-adds.ts';
import type { FakeControls, FakeImage } from './fake-controls.ts';
import { fakeDelivery } from './fake-delivery.ts';
import { checkJob } from './job.ts';
import { checkTake } from './owners.ts';

export interface FakeJournalOptions {
  readonly clock: Clock;
  /** Needed for jitter and for shuffled delivery. */
  readonly random?: Random;
  /** Milliseconds of each way, there and back. Default 0: soon. */
  readonly wayMs?: number;
  /** Up to this many milliseconds more, drawn for each way. Default 0. */
  readonly jitterMs?: number;
  /** Draws the milliseconds of each way instead. */
  readonly drawWayMs?: () => number;
  /** The store has put a job on disk that was not there. */
  readonly onKept?: (id: JobId, payload: string) => void;
}

export interface FakeJournal {
  readonly journal: Journal;
  readonly controls: FakeControls;
  /** A further client of the same store, as another process would have. */
  open(): Journal;
}

/** A journal whose store is empty, reachable and unbound. */
export function fakeJournal(options: FakeJournalOptions): FakeJournal {
  const { clock, random, wayMs = 0, jitterMs = 0 } = options;
  const drawWayMs = options.drawWayMs ?? (() => wayMs + drawJitterMs());
  const drawJitterMs = () =>
    random === undefined || jitterMs === 0 ? 0 : random.below(jitterMs + 1);
  let run = 1;
  let reachable = true;
  let ratio = 0;
  let journalId: string | undefined;
  let owners = noOwners();
  let jobs = new Map<JobId, string>();
  /** First payload of every job there ever was. */
  const history = new Map<JobId, string>();

  const delivery = fakeDelivery({
    clock,
    random,
    ids: () => jobs.keys(),
    payload: (id) => jobs.get(id),
    remove: (id) => jobs.delete(id),
  });

  const way = () =>
    new Promise<void>((resolve) => {
      const drawnMs = drawWayMs();
      if (drawnMs === 0) clock.soon(resolve);
      else clock.after(drawnMs, resolve);
    });
  const arrive = async (since: number) => {
    await way();
    if (!reachable || run !== since) throw new Error('fake journal: connection lost');
  };
  /** A question there and its answer back; either way may break. */
  const exchange = async <T>(answer: () => T | Promise<T>): Promise<T> => {
    const since = run;
    await arrive(since);
    const value = await answer();
    await arrive(since);
    return value;
  };

  const keep = (id: JobId, payload: string) => {
    if (jobs.has(id)) return;
    jobs.set(id, payload);
    if (!history.has(id)) history.set(id, payload);
    options.onKept?.(id, payload);
    delivery.offer(id);
  };
  const adds = fakeAdds(keep);
  /** A new run over `image`; what was under way is lost. */
  const startRun = (image: FakeImage) => {
    run += 1;
    adds.controls.dropHeld();
    journalId = image.journalId;
    owners = [...image.owners];
    jobs = new Map(image.jobs);
    delivery.offerAll();
  };
  const image = (): FakeImage => ({ journalId, owners: [...owners], jobs: new Map(jobs) });

  const open = (): Journal => {
    let closed = false;
    const consumers = new Set<Consumer>();
    const ask = async <T>(answer: () => T | Promise<T>): Promise<T> => {
      if (closed) throw new Error('fake journal: closed');
      return exchange(answer);
    };
    return {
      async add(id, payload) {
        checkJob(id, payload);
        await ask(() => adds.land(id, payload));
      },
      read: (ids) => ask(() => ids.map((id) => jobs.get(id))),
      ownership: () => ask(() => ({ journalId, runId: `run-${run}`, owners: [...owners] })),
      async take(shards, number) {
        checkTake(shards, number);
        await ask(() => {
          for (const shard of shards) owners[shard] = Math.max(owners[shard] ?? 0, number);
        });
      },
      bind: (id) => ask(() => (journalId ??= id)),
      async consume(handler, { concurrency }) {
        await ask(() => undefined);
        const consumer = delivery.subscribe(handler, concurrency);
        consumers.add(consumer);
        return consumer;
      },
      depth: () => ask(() => jobs.size),
      pressure: () => ask(() => ({ ratio })),
      async close() {
        closed = true;
        await Promise.all([...consumers].map((consumer) => consumer.close()));
      },
    };
  };

  const controls: FakeControls = {
    ...adds.controls,
    setReachable(now) {
      reachable = now;
    },
    restart: () => startRun(image()),
    image,
    rollBack: startRun,
    loseJobs(which) {
      const lost = [...jobs.keys()].filter(which);
      for (const id of lost) {
        jobs.delete(id);
        history.delete(id);
      }
      return lost.length;
    },
    wipe() {
      history.clear();
      startRun({ journalId: undefined, owners: noOwners(), jobs: new Map() });
    },
    setPressure(now) {
      ratio = now;
    },
    holdDelivery: delivery.hold,
    resumeDelivery: delivery.resume,
    shuffleDelivery: delivery.shuffle,
    deliverAgain(id) {
      const payload = jobs.get(id) ?? history.get(id);
      if (payload === undefined) throw new Error(`fake journal: never held ${id}`);
      delivery.offer(id, payload);
    },
    jobs: () => [...jobs.keys()],
  };
  return { journal: open(), controls, open };
}

function noOwners(): number[] {
  return Array.from({ length: shardCount }, () => 0);
}
