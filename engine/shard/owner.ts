/**
 * Owner: a number, its shards, actors, flusher and gate, living in one thread (DESIGN "Owner").
 * Guards invariants 2 and 3: what leaves here has passed the gate; a throwing actor or a refused payload ends the
 * whole owner, and a new one with a new number takes its shards.
 */
import { AssertionError } from '../core/assert.ts';
import { encodeEvent } from '../core/codec.ts';
import { shardOf } from '../core/hash.ts';
import type { BatchState } from '../core/state.ts';
import {
  flushRetryMsMax,
  flushRetryMsMin,
  giveUpTimeoutMs,
  mailboxMax,
  stalledAfterMs,
} from '../limits.ts';
import { sleep } from '../ports/clock.ts';
import { jobId, type Ownership } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import type { OwnerProgress } from '../ports/store.ts';
import type { Reporter } from '../journal/reporter.ts';
import { Actor } from './actor.ts';
import { Flusher } from './flusher.ts';
import { Gate, type Verdict } from './gate.ts';
import { Loader } from './loader.ts';
import { outcomeOf } from './outcome.ts';
import { Reading } from './reading.ts';
import { overloaded, quarantined, unknown, type Request } from './request.ts';
import { Residents } from './residents.ts';
import { Settlement } from './settlement.ts';
import { lookForToldLost } from './told-lost.ts';
import { takeAgain, type Taken, type TakeOverDeps } from './take-over.ts';

export interface OwnerDeps extends TakeOverDeps {
  readonly random: Random;
  /** For what a broken store repeats thousands of times a second. */
  readonly reporter: Reporter;
  /** Wholly settled actors kept in memory; default: the limit. */
  readonly residentActors?: number;
  /** The owner serves none of its shards any more. */
  onEnded(owner: Owner, reason: string): void;
  onLost(owner: Owner, shards: ReadonlySet<number>): void;
}

export class Owner {
  readonly number: number;
  readonly #deps: OwnerDeps;
  readonly #shards: Set<number>;
  readonly #journalId: string;
  readonly #flusher: Flusher;
  readonly #gate: Gate;
  readonly #loader: Loader;
  readonly #reading: Reading;
  readonly #residents: Residents;
  readonly #settlement: Settlement;
  readonly #drawLater = new Set<Actor>();
  #runId: string;
  #ended = false;

  constructor(deps: OwnerDeps, taken: Taken) {
    this.#deps = deps;
    this.number = taken.number;
    this.#shards = new Set(taken.kept);
    this.#journalId = taken.journalId;
    this.#runId = taken.runId;
    this.#residents = new Residents(deps.residentActors);
    const { clock, observer, journal, store } = deps;
    this.#flusher = new Flusher({
      number: taken.number,
      journal,
      clock,
      observer,
      onDurable: (seq) => this.#gate.durable(seq),
      onSent: () => this.#drawAhead(),
      onRefused: (reason) => this.end(`payload refused: ${reason}`),
    });
    this.#settlement = new Settlement(deps, taken.number, this.#flusher, this.#residents);
    this.#gate = new Gate({
      number: taken.number,
      clock,
      observer,
      readOwnership: () => journal.ownership(),
      judge: (ownership) => this.#judge(ownership),
      owns: (shard) => this.#shards.has(shard),
      retake: () => this.#retake(),
      pause: () => sleep(clock, flushRetryMsMax / 4),
    });
    this.#loader = new Loader({
      store,
      onActive: (loaded, requests) => this.#admit(loaded.state, requests),
      onRefused: (code, request) => {
        const outcome = code === 'quarantined' ? quarantined : { code };
        this.#gate.wait(0, request, outcome, shardOf(request.batchId), undefined);
      },
      onFailed: (error, request) => {
        this.#reportUnloadable(request.batchId, error);
        request.reply(unknown);
      },
    });
    this.#reading = new Reading({
      clock,
      onRead: (request) => this.handle(request),
      onFailed: (error, request) => this.#threw(error, request),
    });
  }

  get shards(): ReadonlySet<number> {
    return this.#shards;
  }
  get ended(): boolean {
    return this.#ended;
  }
  /** Commands whose answer has not left yet. */
  get waiting(): number {
    return this.#gate.size + this.#loader.size + this.#reading.size;
  }
  get residentActors(): number {
    return this.#residents.size;
  }
  get unsettledEvents(): number {
    return this.#flusher.unsettledEvents;
  }
  /** Bytes of payload kept until settled. */
  get unsettledBytes(): number {
    return this.#flusher.unsettledBytes;
  }
  get oldestUnsettledAt(): number | undefined {
    return this.#flusher.oldestUnsettledAt;
  }

  /** Runs the command in its actor, or loads the batch first. The reply comes through the gate. */
  handle(request: Request): void {
    if (this.#ended) {
      request.reply(unknown);
      return;
    }
    if (this.stalled) {
      this.#deps.observer.overloaded('journal');
      request.reply(overloaded);
      return;
    }
    const actor = this.#residents.get(request.batchId);
    const depth = actor === undefined ? this.#loader.depth(request.batchId) : actor.waiting;
    if (depth >= mailboxMax) {
      this.#deps.observer.overloaded('mailbox');
      request.reply(overloaded);
    } else if (actor === undefined && this.#residents.full) {
      this.#deps.observer.overloaded('residents');
      request.reply(overloaded);
    } else if (actor === undefined) this.#loader.load(request);
    else this.#run(actor, request);
  }

  /** An add or a read of ownership has gone without success for so long that nothing new should wait behind it. */
  get stalled(): boolean {
    const now = this.#deps.clock.monotonic();
    const adding = this.#flusher.addingSince ?? now;
    const reading = this.#gate.readingSince ?? now;
    return now - Math.min(adding, reading) > stalledAfterMs;
  }

  /** Somebody else has read ownership: another run of the store is looked into at once, not at the next request. */
  notice(ownership: Ownership): void {
    if (ownership.runId !== this.#runId || ownership.journalId !== this.#journalId)
      this.#gate.poke();
  }

  #admit(state: BatchState, requests: readonly Request[]): void {
    let actor: Actor;
    try {
      actor = new Actor(state, shardOf(state.params.id), this.#deps.random);
    } catch (error) {
      // What is stored does not add up: this batch waits for an operator, the others go on.
      this.#reportUnloadable(state.params.id, error);
      for (const request of requests) request.reply(unknown);
      return;
    }
    this.#residents.add(actor);
    for (const request of requests) this.#run(actor, request);
  }

  #reportUnloadable(batchId: string, error: unknown): void {
    const { observer } = this.#deps;
    if (error instanceof AssertionError)
      observer.alarm('batch_inconsistent', `batch ${batchId}: ${error.message}`);
    else this.#deps.reporter.report('error', 'a batch could not be loaded', error);
  }

  #run(actor: Actor, request: Request): void {
    if (this.#ended) {
      request.reply(unknown);
      return;
    }
    if (this.#reading.begin(actor.state, request)) return;
    const job = this.#flusher.current();
    try {
      const { event, result } = actor.execute(
        request.command,
        this.#deps.clock.now(),
        job.position,
      );
      if (event !== undefined) {
        this.#flusher.append(actor, encodeEvent(event));
        actor.newest = job.seq;
        this.#residents.pin(actor);
        this.#drawLater.add(actor);
      }
      const position = actor.newest === job.seq ? job.position : jobId(this.number, actor.newest);
      const { command } = request;
      const asker = 'receiverId' in command ? command.receiverId : '';
      const outcome = outcomeOf(actor.state, result, asker, position);
      this.#gate.wait(actor.newest, request, outcome, actor.shard, actor);
    } catch (error) {
      this.#threw(error, request);
    }
  }

  #threw(error: unknown, request: Request): void {
    request.reply(unknown);
    this.end(
      `actor threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }

  #drawAhead(): void {
    for (const actor of this.#drawLater) actor.drawAhead();
    this.#drawLater.clear();
  }

  #judge(ownership: Ownership): Verdict {
    if (ownership.runId !== this.#runId) return { kind: 'retake' };
    const lost = new Set<number>();
    const sameJournal = ownership.journalId === this.#journalId;
    for (const shard of this.#shards) {
      if (!sameJournal || ownership.owners[shard] !== this.number) lost.add(shard);
    }
    if (lost.size > 0) this.#lose(lost);
    return { kind: 'release', lost };
  }

  #lose(lost: ReadonlySet<number>): void {
    this.#drop(lost);
    this.#deps.onLost(this, lost);
  }

  #drop(lost: ReadonlySet<number>): void {
    for (const shard of lost) this.#shards.delete(shard);
    this.#flusher.dropUnsent(lost);
    this.#gate.dropShards(lost);
    this.#residents.dropShards(lost);
    this.#tellUnknown((id) => lost.has(shardOf(id)));
  }

  /** Those who wait for their batch's load, or for their list to be read. */
  #tellUnknown(isLost: (batchId: string) => boolean): void {
    const waited = [...this.#loader.drop(isLost), ...this.#reading.drop(isLost)];
    for (const request of waited) request.reply(unknown);
  }

  /** The journal's store was restarted: steps 1–3 again, all unsettled payloads again, in one and the same run. */
  async #retake(): Promise<void> {
    const { clock, observer } = this.#deps;
    await this.#flusher.hold();
    while (!this.#ended) {
      try {
        const taken = await takeAgain(this.#deps, [...this.#shards], this.number);
        const gone = new Set([...taken.lost, ...taken.blocked]);
        if (gone.size > 0) {
          // Before anything is added again, or it would be there.
          const told = this.#flusher.unsettledUpTo(this.#gate.told);
          await lookForToldLost(this.#deps, this.number, told, gone);
          this.#lose(gone);
        }
        await this.#flusher.addAllAgain();
        const after = await this.#deps.journal.ownership();
        // Ended meanwhile: perhaps not all was added.
        if (after.runId === taken.runId && !this.#ended) {
          this.#runId = taken.runId;
          break;
        }
      } catch (error) {
        observer.log('error', 'shards could not be taken again', { error: String(error) });
        await sleep(clock, flushRetryMsMax);
      }
    }
    this.#flusher.release();
  }

  /** Answers what is under way for these shards, for a while, then drops them. */
  async giveUp(shards: ReadonlySet<number>): Promise<void> {
    const { clock } = this.#deps;
    const mine = new Set([...shards].filter((shard) => this.#shards.has(shard)));
    if (mine.size === 0) return;
    const until = clock.monotonic() + giveUpTimeoutMs;
    while (this.#gate.holds(mine) && clock.monotonic() < until) await sleep(clock, flushRetryMsMin);
    this.#drop(mine);
  }

  /** Adds what it keeps until settled again, unless all of it was acknowledged in this run of the journal's store. */
  async addAgain(runId: string): Promise<void> {
    if (runId === this.#runId) return;
    await this.#flusher.addDurableAgain();
    // A live owner still has to take its shards again, in #retake.
    if (this.#ended) this.#runId = runId;
  }

  /** It serves nothing, owes nobody an answer and has nothing unsettled. */
  get isIdle(): boolean {
    return this.#shards.size === 0 && this.waiting === 0 && this.unsettledEvents === 0;
  }

  /** Takes note of what Postgres says of this owner. */
  progress(progress: OwnerProgress): Promise<void> {
    return this.#settlement.progress(progress);
  }

  /** Settles for itself when nobody has moved `settled` for `afterMs` although there is something to settle. */
  settleSelf(afterMs: number): Promise<void> {
    return this.#settlement.settleSelf(afterMs);
  }

  /** Everybody who waits is told that nobody knows; what was not sent is forgotten. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#flusher.end();
    this.#gate.break();
    this.#residents.clear();
    this.#drawLater.clear();
    this.#tellUnknown(() => true);
    this.#deps.observer.ownerEnded(reason);
    this.#deps.onEnded(this, reason);
  }
}
