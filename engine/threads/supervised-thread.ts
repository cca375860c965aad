/** A worker thread that is started again when it dies, can be asked, and is drained before it ends. */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../adapters/log.ts';
import { respawnDelayMsMax, respawnDelayMsMin, threadAnswerTimeoutMs } from '../limits.ts';
import type { FromThread, ToThread } from './protocol.ts';

export interface ThreadSettings {
  readonly name: string;
  /** The thread's entry file. */
  readonly entry: URL;
  /** What the thread is started with, each time anew. */
  readonly workerData: () => unknown;
  readonly logger: Logger;
  onMessage(message: FromThread): void;
  /** The thread has died; it starts again by itself unless it is being closed. */
  onDeath(): void;
}

export class SupervisedThread {
  readonly #settings: ThreadSettings;
  readonly #asked = new Map<number, (value: unknown) => void>();
  #worker: Worker | undefined;
  #nextId = 1;
  #closing = false;
  #respawnDelayMs = respawnDelayMsMin;
  #onServing: (() => void) | undefined;
  #onDrained: (() => void) | undefined;
  #serving = false;

  constructor(settings: ThreadSettings) {
    this.#settings = settings;
  }

  /** True from the thread's own word that it serves until it dies or is closed. */
  get serving(): boolean {
    return this.#serving && !this.#closing;
  }

  /** Resolves when the thread says that it serves, were it after some deaths. */
  start(): Promise<void> {
    const serving = new Promise<void>((resolve) => {
      this.#onServing = resolve;
    });
    this.#spawn();
    return serving;
  }

  #spawn(): void {
    if (this.#closing) return;
    const { entry, workerData, name, logger } = this.#settings;
    const worker = new Worker(entry, { workerData: workerData(), name });
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#receive(message));
    worker.on('error', (error) =>
      logger.error(
        { name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
        'thread failed',
      ),
    );
    worker.on('exit', (code) => this.#exited(worker, code));
  }

  #exited(worker: Worker, code: number): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#serving = false;
    for (const resolve of this.#asked.values()) resolve(undefined);
    this.#asked.clear();
    this.#onDrained?.();
    this.#settings.onDeath();
    if (this.#closing) return;
    const { name, logger } = this.#settings;
    logger.error({ name, code }, 'thread died; starting it again');
    setTimeout(() => this.#spawn(), this.#respawnDelayMs);
    this.#respawnDelayMs = Math.min(this.#respawnDelayMs * 2, respawnDelayMsMax);
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'told':
        this.#asked.get(message.id)?.(message.value);
        this.#asked.delete(message.id);
        return;
      case 'serving':
        this.#serving = true;
        this.#respawnDelayMs = respawnDelayMsMin;
        this.#onServing?.();
        return;
      case 'drained':
        this.#onDrained?.();
        return;
      default:
        this.#settings.onMessage(message);
    }
  }

  send(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  /** Undefined when the thread is not there to tell, or too busy or stuck to tell in time. */
  ask(what: 'metrics' | 'status'): Promise<unknown> {
    if (!this.serving) return Promise.resolve(undefined);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        resolve(undefined);
      }, threadAnswerTimeoutMs);
      this.#asked.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      this.send({ kind: 'ask', id, what });
    });
  }

  /** Lets the thread finish what is under way, for `timeoutMs` at most, then ends it. */
  async close(timeoutMs: number): Promise<void> {
    const { serving } = this;
    this.#closing = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    if (serving) {
      const drained = new Promise<void>((resolve) => {
        this.#onDrained = resolve;
        setTimeout(resolve, timeoutMs + respawnDelayMsMax).unref();
      });
      this.send({ kind: 'drain', timeoutMs });
      await drained;
    }
    await worker.terminate();
  }
}
