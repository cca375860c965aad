/**
 * One shard thread as the gateway's thread sees it: sends commands in coalesced lists and hands out the answers.
 * When the thread dies, whoever waited is told that nobody knows (invariant 7).
 */
import type { Logger } from '../adapters/log.ts';
import { assert } from '../core/assert.ts';
import type { Command } from '../core/command.ts';
import { threadInFlightMax } from '../limits.ts';
import type { HostStatus } from '../shard/host.ts';
import { overloaded, unknown, type Outcome } from '../shard/request.ts';
import type { FromThread, OutcomeItem, RequestItem, ThreadData } from './protocol.ts';
import { SupervisedThread } from './supervised-thread.ts';

/** Called with the outcome, and the newest job whose events it may reveal (0, 0 for none). */
export type Answered = (outcome: Outcome, number: number, seq: number) => void;

export class ShardThread {
  readonly #thread: SupervisedThread;
  #shards: readonly number[] = [];
  readonly #onHopeless: (reason: string) => void;
  readonly #waiting = new Map<number, Answered>();
  #outbox: RequestItem[] = [];
  #nextId = 1;
  #status: HostStatus | undefined;

  /** @param onHopeless the thread can never serve; the process should end with this reason */
  constructor(
    data: Omit<ThreadData, 'shards'>,
    logger: Logger,
    onHopeless: (reason: string) => void,
  ) {
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
    this.#outbox = [];
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const answered of waiting) answered(unknown, 0, 0);
  }

  #receive(message: FromThread): void {
    if (message.kind === 'outcomes') for (const item of message.items) this.#answer(item);
    else if (message.kind === 'status') this.#status = message.status;
    else if (message.kind === 'hopeless') this.#onHopeless(message.reason);
  }

  #answer([id, outcome, number, seq]: OutcomeItem): void {
    const answered = this.#waiting.get(id);
    assert(answered !== undefined, 'every request is answered once');
    this.#waiting.delete(id);
    answered(outcome, number, seq);
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
    this.#waiting.set(id, answered);
    // Requests parsed in this turn of the event loop travel together.
    if (this.#outbox.length === 0) setImmediate(() => this.#flush());
    this.#outbox.push([id, batchId, command]);
  }

  #flush(): void {
    const items = this.#outbox;
    this.#outbox = [];
    if (items.length > 0) this.#thread.send({ kind: 'requests', items });
  }

  ask(what: 'metrics' | 'status'): Promise<unknown> {
    return this.#thread.ask(what);
  }

  /** Answers what is under way, then ends the thread. */
  close(timeoutMs: number): Promise<void> {
    this.#flush();
    return this.#thread.close(timeoutMs);
  }
}
