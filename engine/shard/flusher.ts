/**
 * Flusher: gathers events into journal jobs, one in flight, each frozen at its first send and kept until settled.
 * Guards invariant 3's first half (nothing counts as durable before its add replied) and the gapless seq behind 4.
 */
import { assert } from '../core/assert.ts';
import { encodePayload } from '../core/codec.ts';
import {
  flushBytesMax,
  flushEventsMax,
  flushRetryMsMax,
  flushRetryMsMin,
  lingerEventsMin,
  lingerMs,
} from '../limits.ts';
import { sleep, type Clock } from '../ports/clock.ts';
import { jobId, JournalRefusal, type Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import type { Actor } from './actor.ts';

/** A job still open for events. */
interface OpenJob {
  readonly seq: number;
  readonly position: string;
  texts: string[];
  shardOf: number[];
  readonly actors: Actor[];
  bytes: number;
}

/** A job whose payload is frozen, until it is settled. */
interface SentJob {
  readonly payload: string;
  readonly actors: readonly Actor[];
  readonly events: number;
  readonly sentAt: number;
}

export interface FlusherDeps {
  readonly number: number;
  readonly journal: Pick<Journal, 'add'>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** A job's add has replied: its events are durable. */
  onDurable(seq: number): void;
  /** The job has just been handed to the journal, so there is time for other work. */
  onSent(): void;
  /** The journal will never take this payload. */
  onRefused(reason: string): void;
}

export class Flusher {
  readonly #deps: FlusherDeps;
  /** Jobs not sent yet; the last one takes new events. */
  readonly #open: OpenJob[] = [];
  readonly #unsettled = new Map<number, SentJob>();
  #nextSeq = 1;
  #durable = 0;
  #settled = 0;
  #unsettledBytes = 0;
  #unsettledEvents = 0;
  #scheduled = false;
  #lastStartedAt = -Infinity;
  #lastEvents = 0;
  #sending: Promise<void> | undefined;
  #held = false;
  #ended = false;
  /** When the add in flight was first sent; undefined while none is. */
  #addingSince: number | undefined;

  constructor(deps: FlusherDeps) {
    this.#deps = deps;
  }

  get durable(): number {
    return this.#durable;
  }
  get settled(): number {
    return this.#settled;
  }
  /** Text of events not settled yet, sent or not; ASCII, so bytes are characters. */
  get unsettledBytes(): number {
    return this.#unsettledBytes;
  }
  /** Events not settled yet, sent or not. */
  get unsettledEvents(): number {
    return this.#unsettledEvents;
  }
  /** Monotonic time since which an add has not replied, failures and repetitions included. */
  get addingSince(): number | undefined {
    return this.#addingSince;
  }
  /** The frozen text of a durable, unsettled job: what the journal should hold under its id. */
  durablePayload(seq: number): string | undefined {
    return seq <= this.#durable ? this.#unsettled.get(seq)?.payload : undefined;
  }
  /** Frozen texts of the unsettled jobs up to this one. */
  unsettledUpTo(last: number): (readonly [seq: number, payload: string])[] {
    return [...this.#unsettled]
      .filter(([seq]) => seq <= last)
      .map(([seq, job]) => [seq, job.payload]);
  }
  /** Clock time at which the oldest unsettled job was frozen. */
  get oldestUnsettledAt(): number | undefined {
    return this.#unsettled.values().next().value?.sentAt;
  }

  /** The job that the next event will ride in. */
  current(): { readonly seq: number; readonly position: string } {
    const last = this.#open.at(-1);
    if (last !== undefined && last.texts.length < flushEventsMax && last.bytes < flushBytesMax)
      return last;
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    const position = jobId(this.#deps.number, seq);
    const job: OpenJob = { seq, position, texts: [], shardOf: [], actors: [], bytes: 0 };
    this.#open.push(job);
    return job;
  }

  /** Adds an event to the current job. */
  append(actor: Actor, text: string): void {
    const job = this.#open.at(-1);
    assert(job !== undefined && !this.#ended, 'current() was called before');
    job.texts.push(text);
    this.#unsettledEvents += 1;
    job.shardOf.push(actor.shard);
    job.bytes += text.length + 1;
    this.#unsettledBytes += text.length + 1;
    if (actor.newest !== job.seq) job.actors.push(actor);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#sending !== undefined || this.#held || this.#ended) return;
    this.#scheduled = true;
    const { clock } = this.#deps;
    const start = () => {
      this.#scheduled = false;
      this.#start();
    };
    const restMs = this.#restMs();
    // Everything that arrives in this turn rides together.
    if (restMs <= 0) clock.soon(start);
    else clock.after(restMs, start);
  }

  /** Under load flushes keep a distance, so that each carries more; a lone claim never waits. */
  #restMs(): number {
    if (this.#lastEvents < lingerEventsMin || this.#open.length > 1) return 0;
    return this.#lastStartedAt + lingerMs - this.#deps.clock.monotonic();
  }

  #start(): void {
    const ready = (this.#open[0]?.texts.length ?? 0) > 0 || this.#open.length > 1;
    if (this.#sending !== undefined || this.#held || this.#ended || !ready) return;
    this.#sending = this.#sendNext().finally(() => {
      this.#sending = undefined;
      this.#schedule();
    });
  }

  async #sendNext(): Promise<void> {
    const job = this.#open.shift();
    assert(job !== undefined, 'there is a job to send');
    const startedAt = this.#deps.clock.monotonic();
    this.#lastStartedAt = startedAt;
    this.#lastEvents = job.texts.length;
    const payload = encodePayload(this.#deps.number, job.seq, new Set(job.shardOf), job.texts);
    const sent: SentJob = {
      payload,
      actors: job.actors,
      events: job.texts.length,
      sentAt: this.#deps.clock.now(),
    };
    this.#unsettled.set(job.seq, sent);
    this.#unsettledBytes += payload.length - job.bytes;
    const added = this.#add(job.position, payload);
    this.#deps.onSent();
    if (!(await added)) return;
    this.#durable = job.seq;
    this.#deps.observer.flushed(
      sent.events,
      payload.length,
      this.#deps.clock.monotonic() - startedAt,
    );
    this.#deps.onDurable(job.seq);
  }

  /** Repeats the same id and payload until the journal replies; false when it was refused or the owner ended. */
  async #add(id: string, payload: string): Promise<boolean> {
    const { clock, journal, observer } = this.#deps;
    let delayMs = flushRetryMsMin;
    this.#addingSince = clock.monotonic();
    while (!this.#ended) {
      try {
        await journal.add(id, payload);
        this.#addingSince = undefined;
        return !this.#ended;
      } catch (error) {
        if (error instanceof JournalRefusal) {
          this.#deps.onRefused(error.message);
          return false;
        }
        observer.log('warn', 'journal add: outcome unknown, repeating', {
          id,
          error: String(error),
        });
        await sleep(clock, delayMs);
        delayMs = Math.min(delayMs * 2, flushRetryMsMax);
      }
    }
    return false;
  }

  /** Lets the add in flight finish and sends nothing more until `release`. */
  async hold(): Promise<void> {
    this.#held = true;
    await this.#sending;
  }

  release(): void {
    this.#held = false;
    this.#start();
  }

  /** Adds every unsettled payload again, in order: for a journal whose store was restarted. Only while held. */
  async addAllAgain(): Promise<void> {
    assert(this.#held, 'payloads are repeated only while nothing else is sent');
    for (const [seq, job] of this.#unsettled) {
      if (!(await this.#add(jobId(this.#deps.number, seq), job.payload))) return;
    }
  }

  /** Forgets what has settled; returns the actors that had events in those jobs. */
  settledUpTo(settled: number): Actor[] {
    const actors: Actor[] = [];
    for (const [seq, job] of this.#unsettled) {
      if (seq > settled) break;
      this.#unsettled.delete(seq);
      this.#unsettledBytes -= job.payload.length;
      this.#unsettledEvents -= job.events;
      actors.push(...job.actors);
    }
    this.#settled = Math.max(this.#settled, settled);
    return actors;
  }

  /** Drops events of these shards that were not sent yet; their job goes out without them, so that seq has no gap. */
  dropUnsent(shards: ReadonlySet<number>): void {
    for (const job of this.#open) {
      const keep = job.shardOf.map((shard) => !shards.has(shard));
      this.#unsettledEvents -= keep.filter((kept) => !kept).length;
      job.texts = job.texts.filter((_, i) => keep[i]);
      job.shardOf = job.shardOf.filter((_, i) => keep[i]);
      const bytes = job.texts.reduce((sum, text) => sum + text.length + 1, 0);
      this.#unsettledBytes += bytes - job.bytes;
      job.bytes = bytes;
    }
  }

  /** Adds every durable, unsettled payload again, in order. What is sent meanwhile comes after them. */
  async addDurableAgain(): Promise<void> {
    for (const [seq, job] of this.#unsettled) {
      if (seq > this.#durable) return;
      await this.#deps.journal.add(jobId(this.#deps.number, seq), job.payload);
    }
  }

  /** Nothing is sent any more; an add under way is not repeated. Durable payloads stay until they are settled. */
  end(): void {
    this.#ended = true;
    this.#open.length = 0;
    this.#unsettledBytes = 0;
    this.#unsettledEvents = 0;
    for (const [seq, job] of this.#unsettled) {
      // Nobody was told of what is not durable.
      if (seq > this.#durable) this.#unsettled.delete(seq);
      else {
        this.#unsettled.set(seq, { ...job, actors: [] });
        this.#unsettledBytes += job.payload.length;
        this.#unsettledEvents += job.events;
      }
    }
  }
}
