/**
 * Output gate: a result waits for the flush of its actor's newest event and then for a read of ownership that began
 * after both the flush's reply and the decision. Guards invariants 2 and 3, refusals and reads included.
 */
import type { Clock } from '../ports/clock.ts';
import type { Ownership } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import type { Actor } from './actor.ts';
import { unknown, type Outcome, type Request } from './request.ts';

interface Waiting {
  readonly seq: number;
  readonly request: Request;
  readonly outcome: Outcome;
  readonly shard: number;
  readonly actor: Actor | undefined;
  readonly since: number;
}

/** What one read of ownership means for those that wait. */
export type Verdict =
  | { readonly kind: 'release'; readonly lost: ReadonlySet<number> }
  /** The store was restarted: take the shards again before anything is released. */
  | { readonly kind: 'retake' };

export interface GateDeps {
  /** The owner's number. */
  readonly number: number;
  readonly clock: Clock;
  readonly observer: Observer;
  readOwnership(): Promise<Ownership>;
  judge(ownership: Ownership): Verdict;
  /** Whether the owner still serves the shard: guarded again, whatever the verdict says. */
  owns(shard: number): boolean;
  /** Resolves when the shards are taken again and payloads repeated; rejects only when the owner has ended. */
  retake(): Promise<void>;
  /** Waits before a failed read is tried again. */
  pause(): Promise<void>;
}

export class Gate {
  readonly #deps: GateDeps;
  /** By the seq they wait for. */
  readonly #waiting = new Map<number, Waiting[]>();
  /** Those whose flush is durable: they wait for a read that begins from now on. */
  #ready: Waiting[] = [];
  /** Those that the read under way may release. */
  #reading: Waiting[] = [];
  #durable = 0;
  #told = 0;
  #size = 0;
  #running = false;
  #broken = false;
  #readingSince: number | undefined;
  #poked = false;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  /** Newest job that an answer which has left may reveal. */
  get told(): number {
    return this.#told;
  }

  get size(): number {
    return this.#size;
  }

  /** Monotonic time since which no read of ownership has released anything; undefined while none is wanted. */
  get readingSince(): number | undefined {
    return this.#readingSince;
  }

  /** Reads ownership though nobody waits: the journal's store looks like another run of itself. */
  poke(): void {
    this.#poked = true;
    this.#read();
  }

  /** @param seq job of the newest event that the outcome may reveal; 0 for none */
  wait(
    seq: number,
    request: Request,
    outcome: Outcome,
    shard: number,
    actor: Actor | undefined,
  ): void {
    if (this.#broken) {
      request.reply(unknown);
      return;
    }
    const waiting = { seq, request, outcome, shard, actor, since: this.#deps.clock.monotonic() };
    this.#size += 1;
    if (actor !== undefined) actor.waiting += 1;
    if (seq <= this.#durable) {
      this.#ready.push(waiting);
      this.#read();
      return;
    }
    const bucket = this.#waiting.get(seq);
    if (bucket === undefined) this.#waiting.set(seq, [waiting]);
    else bucket.push(waiting);
  }

  /** The add of this job has replied, and so have all before it. */
  durable(seq: number): void {
    this.#durable = seq;
    const bucket = this.#waiting.get(seq);
    if (bucket === undefined) return;
    this.#waiting.delete(seq);
    this.#ready.push(...bucket);
    this.#read();
  }

  #read(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#readLoop();
  }

  async #readLoop(): Promise<void> {
    // Results decided in the same turn share the first read.
    await new Promise<void>((resolve) => this.#deps.clock.soon(resolve));
    while ((this.#ready.length > 0 || this.#poked) && !this.#broken) {
      this.#poked = false;
      this.#readingSince ??= this.#deps.clock.monotonic();
      this.#reading = this.#ready;
      this.#ready = [];
      const verdict = await this.#readOnce();
      if (this.#broken) break;
      if (verdict?.kind === 'release') {
        this.#readingSince = undefined;
        this.#release(this.#reading, verdict.lost);
        this.#reading = [];
      } else {
        // Nothing is known: they wait for the next read, in their old order.
        this.#ready = [...this.#reading, ...this.#ready];
        this.#reading = [];
        this.#poked = true;
        if (verdict === undefined) await this.#deps.pause();
        else await this.#deps.retake();
      }
    }
    this.#running = false;
  }

  async #readOnce(): Promise<Verdict | undefined> {
    try {
      return this.#deps.judge(await this.#deps.readOwnership());
    } catch (error) {
      this.#deps.observer.log('warn', 'ownership could not be read, trying again', {
        error: String(error),
      });
      return undefined;
    }
  }

  #release(entries: readonly Waiting[], lost: ReadonlySet<number>): void {
    const now = this.#deps.clock.monotonic();
    for (const entry of entries) {
      const isMine = this.#deps.owns(entry.shard) && !lost.has(entry.shard);
      this.#answer(entry, isMine ? entry.outcome : unknown, now);
    }
  }

  #answer(entry: Waiting, outcome: Outcome, now: number): void {
    this.#size -= 1;
    if (entry.actor !== undefined) entry.actor.waiting -= 1;
    this.#deps.observer.answered(entry.request.command.kind, outcome.code, now - entry.since);
    // "Unknown" reveals no event, and its job may never be sent: a reader must not wait for it.
    if (outcome === unknown) entry.request.reply(unknown);
    else {
      this.#told = Math.max(this.#told, entry.seq);
      entry.request.reply(outcome, this.#deps.number, entry.seq);
    }
  }

  /** Whether somebody waits for an answer of these shards. */
  holds(shards: ReadonlySet<number>): boolean {
    const waits = (entries: readonly Waiting[]) => entries.some(({ shard }) => shards.has(shard));
    return waits(this.#ready) || waits(this.#reading) || [...this.#waiting.values()].some(waits);
  }

  /** Tells those of the lost shards that nobody knows, whatever they wait for. */
  dropShards(lost: ReadonlySet<number>): void {
    const now = this.#deps.clock.monotonic();
    const keep = (entries: Waiting[]) =>
      entries.filter((entry) => {
        if (!lost.has(entry.shard)) return true;
        this.#answer(entry, unknown, now);
        return false;
      });
    this.#ready = keep(this.#ready);
    this.#reading = keep(this.#reading);
    for (const [seq, entries] of this.#waiting) this.#waiting.set(seq, keep(entries));
  }

  /** The owner has ended: nothing that waits is ever released. */
  break(): void {
    this.#broken = true;
    const all = [...this.#reading, ...this.#ready, ...[...this.#waiting.values()].flat()];
    this.#reading = [];
    this.#ready = [];
    this.#waiting.clear();
    const now = this.#deps.clock.monotonic();
    for (const entry of all) this.#answer(entry, unknown, now);
  }
}
