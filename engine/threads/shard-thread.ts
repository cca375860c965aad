/**
 * One shard thread as the gateway's thread sees it: sends commands in coalesced lists and hands out the answers.
 * When the thread dies, whoever waited is told that nobody knows (invariant 7).
 */
import type { Logger } from '../adapters/log.ts';
import { assert } from '../core/assert.ts';
import type { Command } from '../core/command.ts';
import {
  crowdMin,
  messageGapMs,
  requestTimeoutMs,
  sweepIntervalMs,
  threadInFlightMax,
} from '../limits.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { HostStatus } from '../shard/host.ts';
import { overloaded, unknown, type Outcome } from '../shard/request.ts';
import type { FromThread, ThreadData } from './protocol.ts';
import { SupervisedThread } from './supervised-thread.ts';
import { eachOutcome, RequestOutbox } from './wire.ts';

/** Called with the outcome, and the newest job whose events it may reveal (0, 0 for none). */
export type Answered = (outcome: Outcome, number: number, seq: number) => void;

interface Waiting {
  readonly batchId: string;
  readonly since: number;
  /** Undefined once the client was told that nobody knows: the answer may still come. */
  answered: Answered | undefined;
}

export class ShardThread {
  readonly #thread: SupervisedThread;
  #shards: readonly number[] = [];
  readonly #onHopeless: (reason: string) => void;
  /** By id, oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #outbox = new RequestOutbox();
  readonly #clock: Clock;
  #sweep: Timer | undefined;
  #flushedAt = -Infinity;
  #nextId = 1;
  #status: HostStatus | undefined;

  /** @param deps onHopeless: the thread can never serve; the process should end with this reason */
  constructor(
    data: Omit<ThreadData, 'shards'>,
    deps: {
      readonly logger: Logger;
      readonly clock: Clock;
      readonly onHopeless: (reason: string) => void;
    },
  ) {
    const { logger, clock, onHopeless } = deps;
    this.#clock = clock;
    this.#onHopeless = onHopeless;
    this.#thread = new SupervisedThread({
      name: data.name,
      entry: new URL('../main.ts', import.meta.url),
      workerData: (): ThreadData => ({ ...data, shards: this.#shards }),
      logger,
      onMessage: (message) => this.#receive(message),
      onDeath: () => this.#forget(),
    });
  }

  /** Status as pushed last; undefined while the thread is not serving. */
  get status(): HostStatus | undefined {
    return this.#thread.serving ? this.#status : undefined;
  }

  /** The thread, and each one that replaces it, serves exactly these from now on. */
  assign(shards: readonly number[]): void {
    this.#shards = shards;
    this.#thread.send({ kind: 'assign', shards });
  }

  /** Resolves once the shards assigned so far are served. */
  start(): Promise<void> {
    return this.#thread.start();
  }

  #forget(): void {
    this.#outbox.take();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { answered } of waiting) answered?.(unknown, 0, 0);
  }

  #receive(message: FromThread): void {
    if (message.kind === 'outcomes') {
      eachOutcome(message.text, this.#batchOf, this.#answer);
      for (const item of message.items) this.#answer(...item);
    } else if (message.kind === 'status') this.#status = message.status;
    else if (message.kind === 'hopeless') this.#onHopeless(message.reason);
  }

  readonly #batchOf = (id: number): string => {
    const waiting = this.#waiting.get(id);
    assert(waiting !== undefined, 'every request is answered once');
    return waiting.batchId;
  };

  readonly #answer = (id: number, outcome: Outcome, number: number, seq: number): void => {
    const waiting = this.#waiting.get(id);
    assert(waiting !== undefined, 'every request is answered once');
    this.#waiting.delete(id);
    waiting.answered?.(outcome, number, seq);
  };

  /** Nobody waits longer than requestTimeoutMs; one timer for all of them. */
  #tellLate(): void {
    const longAgo = this.#clock.monotonic() - requestTimeoutMs;
    for (const waiting of this.#waiting.values()) {
      if (waiting.since > longAgo) break;
      waiting.answered?.(unknown, 0, 0);
      waiting.answered = undefined;
    }
    this.#sweep = undefined;
    if (this.#waiting.size > 0) this.#sweepLater();
  }

  #sweepLater(): void {
    this.#sweep ??= this.#clock.after(sweepIntervalMs, () => this.#tellLate());
  }

  request(batchId: string, command: Command, answered: Answered): void {
    if (!this.#thread.serving) {
      answered(unknown, 0, 0);
      return;
    }
    if (this.#waiting.size >= threadInFlightMax) {
      answered(overloaded, 0, 0);
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#waiting.set(id, { batchId, since: this.#clock.monotonic(), answered });
    this.#sweepLater();
    if (this.#outbox.isEmpty) this.#flushLater();
    this.#outbox.add(id, batchId, command);
  }

  /** Requests of one turn of the event loop travel together; under load, those of a little longer. */
  #flushLater(): void {
    const flush = () => this.#flush();
    const crowded = this.#waiting.size >= crowdMin;
    const restMs = crowded ? this.#flushedAt + messageGapMs - this.#clock.monotonic() : 0;
    if (restMs > 0) this.#clock.after(restMs, flush);
    else this.#clock.soon(flush);
  }

  #flush(): void {
    this.#flushedAt = this.#clock.monotonic();
    if (!this.#outbox.isEmpty) this.#thread.send(this.#outbox.take());
  }

  ask(what: 'metrics' | 'status'): Promise<unknown> {
    return this.#thread.ask(what);
  }

  /** Answers what is under way, then ends the thread. */
  close(timeoutMs: number): Promise<void> {
    this.#flush();
    this.#sweep?.cancel();
    return this.#thread.close(timeoutMs);
  }
}
