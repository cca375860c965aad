/**
 * Host: what one thread does for its shards: takes them over, routes commands to their owners, replaces an owner
 * that ended, follows `settled`, and wakes overdue batches (DESIGN "A sweep may only wake the owner").
 */
import { shardOf } from '../core/hash.ts';
import {
  pressurePollMs,
  progressPollMs,
  sweepBatchesMax,
  sweepIntervalMs,
  threadInFlightMax,
  unsettledBytesMax,
} from '../limits.ts';
import { reporter, type Reporter } from '../journal/reporter.ts';
import { sleep, type Timer } from '../ports/clock.ts';
import type { Overdue } from '../ports/store.ts';
import { JournalWatch } from './journal-watch.ts';
import { Owner, type OwnerDeps } from './owner.ts';
import { Roster } from './roster.ts';
import { overloaded, unknown, type Request } from './request.ts';
import { Taker } from './taker.ts';

export type HostDeps = Omit<OwnerDeps, 'onEnded' | 'onLost' | 'reporter'> & {
  /** Fullness of the journal's store (0 … 1) above which nothing new is taken in. */
  readonly journalWatermark: number;
  /** Payload bytes this thread keeps until settled, above which nothing new is taken in; default: the limit. */
  readonly unsettledBytesMax?: number;
};

export interface HostStatus {
  readonly served: readonly number[];
  readonly waiting: number;
  readonly residentActors: number;
  readonly unsettledEvents: number;
  readonly oldestUnsettledAt: number | undefined;
  readonly journalFull: boolean;
  /** The payloads kept until settled have reached their limit. */
  readonly unsettledFull: boolean;
  readonly unsettledBytes: number;
  /** An add or a read has gone unanswered for too long. */
  readonly journalStalled: boolean;
}

export class Host {
  readonly #deps: HostDeps;
  readonly #ownerOf: (Owner | undefined)[] = [];
  readonly #roster: Roster;
  readonly #timers = new Set<Timer>();
  /** Shards this thread should serve. */
  readonly #desired = new Set<number>();
  readonly #taker: Taker;
  readonly #watch: JournalWatch;
  readonly #reporter: Reporter;
  #closing = false;

  constructor(deps: HostDeps) {
    this.#deps = deps;
    this.#watch = new JournalWatch(deps);
    this.#reporter = reporter(deps.observer, deps.clock);
    this.#roster = new Roster({ store: deps.store, reporter: this.#reporter });
    this.#taker = new Taker({
      ...deps,
      addAgain: (runId) => this.#roster.addAgain(runId),
      wants: (shard) =>
        !this.#closing && this.#desired.has(shard) && this.#ownerOf[shard] === undefined,
      serve: (taken) => this.#serve(new Owner(this.#ownerDeps(), taken)),
    });
  }

  /** Begins its background work; resolves once they are served, except those that wait for a repair. */
  async start(shards: readonly number[]): Promise<void> {
    for (const shard of shards) this.#desired.add(shard);
    await this.#taker.take(shards);
    this.#every(progressPollMs, () => this.#roster.followProgress(this.#isFilling()));
    this.#every(sweepIntervalMs, () => this.#sweep());
    this.#every(pressurePollMs, () => this.#watchJournal());
  }

  /** Serves exactly these shards from now on: takes what is missing, gives up what is too much. */
  assign(shards: readonly number[]): void {
    this.#desired.clear();
    for (const shard of shards) this.#desired.add(shard);
    const missing = shards.filter(
      (shard) => this.#ownerOf[shard] === undefined && !this.#taker.isTaking(shard),
    );
    this.#taker.takeInBackground(missing);
    // What is being taken is looked at again before it is served.
    const surplus = [...this.#ownerOf.keys()].filter(
      (shard) => this.#ownerOf[shard] !== undefined && !this.#desired.has(shard),
    );
    if (surplus.length > 0) void this.#giveUp(new Set(surplus));
  }

  handle(request: Request): void {
    const owner = this.#ownerOf[shardOf(request.batchId)];
    if (owner === undefined || this.#closing) request.reply(unknown);
    else {
      const reason = this.#overload();
      if (reason === undefined) owner.handle(request);
      else {
        this.#deps.observer.overloaded(reason);
        request.reply(overloaded);
      }
    }
  }

  /** Why nothing new is taken in; undefined when it is. */
  #overload(): string | undefined {
    if (this.#watch.full) return 'journal_memory';
    if (this.#watch.silent) return 'journal';
    if (this.#unsettledFull()) return 'unsettled';
    return this.#roster.waiting >= threadInFlightMax ? 'thread' : undefined;
  }

  #unsettledFull(): boolean {
    return this.#roster.unsettledBytes >= this.#unsettledBytesMax;
  }

  /** Half of the room for unsettled payloads is taken: whoever settles should not rest. */
  #isFilling(): boolean {
    return 2 * this.#roster.unsettledBytes >= this.#unsettledBytesMax;
  }

  get #unsettledBytesMax(): number {
    return this.#deps.unsettledBytesMax ?? unsettledBytesMax;
  }

  status(): HostStatus {
    const { waiting, unsettledBytes } = this.#roster;
    let residentActors = 0;
    let unsettledEvents = 0;
    const served: number[] = [];
    let oldestUnsettledAt: number | undefined;
    for (const owner of this.#roster.all) {
      if (!owner.ended) served.push(...owner.shards);
      residentActors += owner.residentActors;
      unsettledEvents += owner.unsettledEvents;
      const oldest = owner.oldestUnsettledAt;
      if (oldest !== undefined) oldestUnsettledAt = Math.min(oldest, oldestUnsettledAt ?? oldest);
    }
    const journalStalled =
      this.#watch.silent || [...this.#roster.live].some((owner) => owner.stalled);
    return {
      served,
      waiting,
      residentActors,
      unsettledEvents,
      oldestUnsettledAt,
      journalFull: this.#watch.full,
      unsettledFull: this.#unsettledFull(),
      unsettledBytes,
      journalStalled,
    };
  }

  /** Takes nothing new, waits until every answer under way has left or the time is up. */
  async drain(timeoutMs: number): Promise<void> {
    this.#closing = true;
    const { clock } = this.#deps;
    const until = clock.monotonic() + timeoutMs;
    while (this.#roster.waiting > 0 && clock.monotonic() < until)
      await sleep(clock, progressPollMs);
    for (const timer of this.#timers) timer.cancel();
    for (const owner of this.#roster.live) owner.end('closing');
  }

  /** Takes nothing new for these shards, answers what is under way, then lets go of them. */
  async #giveUp(shards: ReadonlySet<number>): Promise<void> {
    const owners = [...this.#roster.live];
    for (const shard of shards) this.#ownerOf[shard] = undefined;
    await Promise.all(owners.map((owner) => owner.giveUp(shards)));
  }

  #serve(owner: Owner): void {
    this.#roster.add(owner);
    for (const shard of owner.shards) this.#ownerOf[shard] = owner;
  }

  #ownerDeps(): OwnerDeps {
    return {
      ...this.#deps,
      reporter: this.#reporter,
      onEnded: (owner, reason) => this.#replace(owner, reason),
      onLost: (owner, lost) => {
        for (const shard of lost)
          if (this.#ownerOf[shard] === owner) this.#ownerOf[shard] = undefined;
        this.#deps.observer.lost(lost.size);
      },
    };
  }

  #replace(owner: Owner, reason: string): void {
    this.#roster.retire(owner);
    // Others were given up, and may have come back under another owner.
    const shards = [...owner.shards].filter((shard) => this.#ownerOf[shard] === owner);
    for (const shard of shards) this.#ownerOf[shard] = undefined;
    if (this.#closing) return;
    this.#deps.observer.log('error', 'an owner ended; a new one takes its shards', {
      number: owner.number,
      reason,
    });
    this.#taker.takeInBackground(shards);
  }

  /** Runs one piece of work again and again, never twice at once; an error only delays it. */
  #every(intervalMs: number, work: () => Promise<void>): void {
    const { clock } = this.#deps;
    const next = () => {
      const timer = clock.after(intervalMs, () => {
        this.#timers.delete(timer);
        work()
          .catch((error: unknown) => this.#reporter.report('warn', 'background work failed', error))
          .finally(() => {
            if (!this.#closing) next();
          });
      });
      this.#timers.add(timer);
    };
    next();
  }

  async #watchJournal(): Promise<void> {
    const ownership = await this.#watch.ask();
    for (const owner of this.#roster.live) owner.notice(ownership);
    await this.#roster.addRetiredAgain(ownership.runId);
  }

  async #sweep(): Promise<void> {
    const { clock, store } = this.#deps;
    const shards = [...this.#roster.live].flatMap((owner) => [...owner.shards]);
    if (shards.length === 0 || this.#watch.full) return;
    const now = clock.now();
    let after: Overdue | undefined;
    // Each is woken once a sweep: those that wait for being settled must not stand in the others' way.
    while (!this.#closing && !this.#watch.full) {
      const overdue = await store.overdue(shards, now, sweepBatchesMax, after);
      await Promise.all(overdue.map(({ batchId }) => this.#expire(batchId)));
      after = overdue.at(-1);
      if (overdue.length < sweepBatchesMax) return;
    }
  }

  #expire(batchId: string): Promise<void> {
    return new Promise((resolve) => {
      this.handle({ batchId, command: { kind: 'expire' }, reply: () => resolve() });
    });
  }
}
