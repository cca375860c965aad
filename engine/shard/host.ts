/**
 * Host: what one thread does for its shards: takes them over, routes commands to their owners, replaces an owner
 * that ended, follows `settled`, and wakes overdue batches (DESIGN "A sweep may only wake the owner").
 */
import { shardOf } from '../core/hash.ts';
import {
  pressurePollMs,
  progressPollMs,
  retakeDelayMs,
  selfSettleAfterMs,
  sweepBatchesMax,
  sweepIntervalMs,
  threadInFlightMax,
} from '../limits.ts';
import { sleep, type Timer } from '../ports/clock.ts';
import { Owner, type OwnerDeps } from './owner.ts';
import { overloaded, unknown, type Request } from './request.ts';
import { JournalMismatch, takeOver } from './take-over.ts';

export type HostDeps = Omit<OwnerDeps, 'onEnded' | 'onLost'> & {
  /** Fullness of the journal's store (0 … 1) above which nothing new is taken in. */
  readonly journalWatermark: number;
};

export interface HostStatus {
  readonly served: readonly number[];
  readonly waiting: number;
  readonly residentActors: number;
  readonly unsettledEvents: number;
  readonly oldestUnsettledAt: number | undefined;
  readonly journalFull: boolean;
  /** An add or a read has gone unanswered for too long. */
  readonly journalStalled: boolean;
}

export class Host {
  readonly #deps: HostDeps;
  readonly #ownerOf: (Owner | undefined)[] = [];
  readonly #owners = new Set<Owner>();
  readonly #timers = new Set<Timer>();
  /** Shards this thread should serve. */
  readonly #desired = new Set<number>();
  /** Shards being taken over. */
  readonly #taking = new Set<number>();
  #journalFull = false;
  #closing = false;

  constructor(deps: HostDeps) {
    this.#deps = deps;
  }

  /** Begins its background work; resolves once all these shards are served. */
  async start(shards: readonly number[]): Promise<void> {
    for (const shard of shards) this.#desired.add(shard);
    await this.#take(shards);
    this.#every(progressPollMs, () => this.#followProgress());
    this.#every(sweepIntervalMs, () => this.#sweep());
    this.#every(pressurePollMs, () => this.#feelPressure());
  }

  /** Serves exactly these shards from now on: takes what is missing, gives up what is too much. */
  assign(shards: readonly number[]): void {
    const before = [...this.#desired];
    this.#desired.clear();
    for (const shard of shards) this.#desired.add(shard);
    const missing = shards.filter(
      (shard) => this.#ownerOf[shard] === undefined && !this.#taking.has(shard),
    );
    this.#takeInBackground(missing);
    const surplus = before.filter((shard) => !this.#desired.has(shard));
    if (surplus.length > 0) void this.#giveUp(new Set(surplus));
  }

  handle(request: Request): void {
    const owner = this.#ownerOf[shardOf(request.batchId)];
    if (owner === undefined || this.#closing) request.reply(unknown);
    else if (this.#journalFull || this.#waiting() >= threadInFlightMax) {
      this.#deps.observer.overloaded(this.#journalFull ? 'journal_memory' : 'thread');
      request.reply(overloaded);
    } else owner.handle(request);
  }

  #waiting(): number {
    let waiting = 0;
    for (const owner of this.#owners) waiting += owner.waiting;
    return waiting;
  }

  status(): HostStatus {
    const waiting = this.#waiting();
    let residentActors = 0;
    let unsettledEvents = 0;
    const served: number[] = [];
    let oldestUnsettledAt: number | undefined;
    for (const owner of this.#owners) {
      served.push(...owner.shards);
      residentActors += owner.residentActors;
      unsettledEvents += owner.unsettledEvents;
      const oldest = owner.oldestUnsettledAt;
      if (oldest !== undefined) oldestUnsettledAt = Math.min(oldest, oldestUnsettledAt ?? oldest);
    }
    const journalFull = this.#journalFull;
    const journalStalled = [...this.#owners].some((owner) => owner.stalled);
    return {
      served,
      waiting,
      residentActors,
      unsettledEvents,
      oldestUnsettledAt,
      journalFull,
      journalStalled,
    };
  }

  /** Takes nothing new, waits until every answer under way has left or the time is up. */
  async drain(timeoutMs: number): Promise<void> {
    this.#closing = true;
    const { clock } = this.#deps;
    const until = clock.monotonic() + timeoutMs;
    while (this.#waiting() > 0 && clock.monotonic() < until) await sleep(clock, progressPollMs);
    for (const timer of this.#timers) timer.cancel();
    for (const owner of this.#owners) owner.end('closing');
  }

  /** Tries until it holds them or should not any more; only a journal that is not ours is final. */
  async #take(shards: readonly number[]): Promise<void> {
    const { clock, observer } = this.#deps;
    for (const shard of shards) this.#taking.add(shard);
    try {
      for (;;) {
        const wanted = shards.filter(
          (shard) => this.#desired.has(shard) && this.#ownerOf[shard] === undefined,
        );
        if (wanted.length === 0 || this.#closing) return;
        try {
          const taken = await takeOver(this.#deps, wanted);
          if (taken.kept.length > 0) this.#serve(new Owner(this.#ownerDeps(), taken));
          if (taken.lost.length === 0) return;
        } catch (error) {
          if (error instanceof JournalMismatch) throw error;
          observer.log('error', 'take-over failed, trying again', { error: String(error) });
        }
        await sleep(clock, retakeDelayMs);
      }
    } finally {
      for (const shard of shards) this.#taking.delete(shard);
    }
  }

  #takeInBackground(shards: readonly number[]): void {
    if (shards.length === 0) return;
    this.#take(shards).catch((error: unknown) => {
      this.#deps.observer.alarm('take_over_impossible', String(error));
    });
  }

  /** Takes nothing new for these shards, answers what is under way, then lets go of them. */
  async #giveUp(shards: ReadonlySet<number>): Promise<void> {
    const owners = [...this.#owners];
    for (const shard of shards) this.#ownerOf[shard] = undefined;
    await Promise.all(owners.map((owner) => owner.giveUp(shards)));
  }

  #serve(owner: Owner): void {
    this.#owners.add(owner);
    for (const shard of owner.shards) this.#ownerOf[shard] = owner;
  }

  #ownerDeps(): OwnerDeps {
    return {
      ...this.#deps,
      onEnded: (owner, reason) => this.#replace(owner, reason),
      onLost: (owner, lost) => {
        for (const shard of lost)
          if (this.#ownerOf[shard] === owner) this.#ownerOf[shard] = undefined;
        this.#deps.observer.lost(lost.size);
      },
    };
  }

  #replace(owner: Owner, reason: string): void {
    this.#owners.delete(owner);
    const shards = [...owner.shards];
    for (const shard of shards) this.#ownerOf[shard] = undefined;
    if (this.#closing) return;
    this.#deps.observer.log('error', 'an owner ended; a new one takes its shards', {
      number: owner.number,
      reason,
    });
    this.#takeInBackground(shards);
  }

  /** Runs one piece of work again and again, never twice at once; an error only delays it. */
  #every(intervalMs: number, work: () => Promise<void>): void {
    const { clock, observer } = this.#deps;
    const next = () => {
      const timer = clock.after(intervalMs, () => {
        this.#timers.delete(timer);
        work()
          .catch((error: unknown) =>
            observer.log('warn', 'background work failed', { error: String(error) }),
          )
          .finally(() => {
            if (!this.#closing) next();
          });
      });
      this.#timers.add(timer);
    };
    next();
  }

  async #followProgress(): Promise<void> {
    const busy = [...this.#owners].filter((owner) => owner.unsettledEvents > 0);
    if (busy.length === 0) return;
    const rows = await this.#deps.store.progress(busy.map((owner) => owner.number));
    for (const row of rows) {
      await busy.find((owner) => owner.number === row.number)?.progress(row);
    }
    await Promise.all(busy.map((owner) => owner.settleSelf(selfSettleAfterMs)));
    for (const owner of this.#owners) if (owner.isIdle) this.#owners.delete(owner);
  }

  async #feelPressure(): Promise<void> {
    const { ratio } = await this.#deps.journal.pressure();
    this.#journalFull = ratio >= this.#deps.journalWatermark;
  }

  async #sweep(): Promise<void> {
    const { clock, store } = this.#deps;
    const shards = [...this.#owners].flatMap((owner) => [...owner.shards]);
    if (shards.length === 0 || this.#journalFull) return;
    const overdue = await store.overdue(shards, clock.now(), sweepBatchesMax);
    await Promise.all(
      overdue.map(
        (batchId) =>
          new Promise<void>((resolve) => {
            this.handle({ batchId, command: { kind: 'expire' }, reply: () => resolve() });
          }),
      ),
    );
  }
}
