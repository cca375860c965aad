/**
 * One shard thread as the gateway's thread sees it: sends commands in coalesced lists, and starts the thread anew
 * when it dies; whoever waited is told that nobody knows (invariant 7).
 */
import { Worker } from 'node:worker_threads';
import type { Command } from '../core/command.ts';
import { assert } from '../core/assert.ts';
import { respawnDelayMsMax, respawnDelayMsMin, threadInFlightMax } from '../limits.ts';
import type { HostStatus } from '../shard/host.ts';
import { overloaded, unknown, type Outcome } from '../shard/request.ts';
import type { Logger } from '../adapters/log.ts';
import type { FromThread, OutcomeItem, RequestItem, ThreadData, ToThread } from './protocol.ts';

/** Called with the outcome, and the newest job whose events it may reveal (0, 0 for none). */
export type Answered = (outcome: Outcome, number: number, seq: number) => void;

export class ShardThread {
  readonly #data: ThreadData;
  readonly #logger: Logger;
  readonly #onHopeless: (reason: string) => void;
  readonly #waiting = new Map<number, Answered>();
  readonly #asked = new Map<number, (value: unknown) => void>();
  #worker: Worker | undefined;
  #outbox: RequestItem[] = [];
  #nextId = 1;
  #serving = false;
  #closing = false;
  #respawnDelayMs = respawnDelayMsMin;
  #status: HostStatus | undefined;
  #onServing: (() => void) | undefined;
  #onDrained: (() => void) | undefined;

  /** @param onHopeless the thread can never serve; the process should end with this reason */
  constructor(data: ThreadData, logger: Logger, onHopeless: (reason: string) => void) {
    this.#data = data;
    this.#logger = logger;
    this.#onHopeless = onHopeless;
  }

  get shards(): readonly number[] {
    return this.#data.shards;
  }
  /** Status as pushed last; undefined while the thread is not serving. */
  get status(): HostStatus | undefined {
    return this.#serving ? this.#status : undefined;
  }

  /** Resolves once all shards of the thread are served. */
  start(): Promise<void> {
    const serving = new Promise<void>((resolve) => {
      this.#onServing = resolve;
    });
    this.#spawn();
    return serving;
  }

  #spawn(): void {
    const worker = new Worker(new URL('../main.ts', import.meta.url), { workerData: this.#data });
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#receive(message));
    worker.on('error', (error) => this.#logger.error({ error: String(error) }, 'shard thread failed'));
    worker.on('exit', (code) => this.#exited(worker, code));
  }

  #exited(worker: Worker, code: number): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#serving = false;
    this.#outbox = [];
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const answered of waiting) answered(unknown, 0, 0);
    for (const resolve of this.#asked.values()) resolve(undefined);
    this.#asked.clear();
    this.#onDrained?.();
    if (this.#closing) return;
    this.#logger.error({ code, thread: this.#data.name }, 'shard thread died; starting it again');
    setTimeout(() => this.#spawn(), this.#respawnDelayMs);
    this.#respawnDelayMs = Math.min(this.#respawnDelayMs * 2, respawnDelayMsMax);
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'outcomes':
        for (const item of message.items) this.#answer(item);
        break;
      case 'status':
        this.#status = message.status;
        break;
      case 'told':
        this.#asked.get(message.id)?.(message.value);
        this.#asked.delete(message.id);
        break;
      case 'serving':
        this.#serving = true;
        this.#respawnDelayMs = respawnDelayMsMin;
        this.#onServing?.();
        break;
      case 'hopeless':
        this.#onHopeless(message.reason);
        break;
      case 'drained':
        this.#onDrained?.();
        break;
    }
  }

  #answer([id, outcome, number, seq]: OutcomeItem): void {
    const answered = this.#waiting.get(id);
    assert(answered !== undefined, 'every request is answered once');
    this.#waiting.delete(id);
    answered(outcome, number, seq);
  }

  request(batchId: string, command: Command, answered: Answered): void {
    if (!this.#serving || this.#closing) {
      answered(unknown, 0, 0);
      return;
    }
    if (this.#waiting.size >= threadInFlightMax) {
      answered(overloaded, 0, 0);
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#waiting.set(id, answered);
    // Requests parsed in this turn of the event loop travel together.
    if (this.#outbox.length === 0) setImmediate(() => this.#flush());
    this.#outbox.push([id, batchId, command]);
  }

  #flush(): void {
    const items = this.#outbox;
    this.#outbox = [];
    if (items.length > 0) this.#send({ kind: 'requests', items });
  }

  #send(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  /** Undefined when the thread is not there to tell. */
  ask(what: 'metrics' | 'status'): Promise<unknown> {
    if (this.#worker === undefined || !this.#serving) return Promise.resolve(undefined);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      this.#asked.set(id, resolve);
      this.#send({ kind: 'ask', id, what });
    });
  }

  /** Answers what is under way, then ends the thread. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#flush();
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
      setTimeout(resolve, timeoutMs + 1_000).unref();
    });
    if (this.#serving) this.#send({ kind: 'drain', timeoutMs });
    else this.#onDrained?.();
    await drained;
    await worker.terminate();
  }
}
