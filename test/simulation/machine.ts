/**
 * A thread that may be paused or killed between any two of its steps: all that reaches it, timers and replies alike,
 * passes `deliver`. After a kill nothing of it ever runs again.
 */
import type { Clock } from '../../engine/ports/clock.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** The wall clock of a process, shared by its threads. */
export interface Wall {
  offsetMs: number;
}

export class Machine {
  readonly name: string;
  readonly clock: Clock;
  readonly #world: VirtualClock;
  #state: 'up' | 'paused' | 'dead' = 'up';
  #queue: (() => void)[] = [];
  readonly #endings = new Set<() => void>();

  constructor(name: string, world: VirtualClock, wall: Wall) {
    this.name = name;
    this.#world = world;
    this.clock = {
      now: () => world.now() + wall.offsetMs,
      monotonic: () => world.monotonic(),
      after: (delayMs, run) => world.after(delayMs, () => this.deliver(run)),
      soon: (run) => world.soon(() => this.deliver(run)),
    };
  }

  get state(): 'up' | 'paused' | 'dead' {
    return this.#state;
  }

  deliver(run: () => void): void {
    if (this.#state === 'up') run();
    else if (this.#state === 'paused') this.#queue.push(run);
  }

  /** The promise as this machine sees it: its outcome waits while paused, and never comes to a dead one. */
  receive<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.deliver(() => resolve(value)),
        (error: unknown) =>
          this.deliver(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
  }

  pause(): void {
    if (this.#state === 'up') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'up';
    const queue = this.#queue;
    this.#queue = [];
    for (const run of queue) this.#world.soon(() => this.deliver(run));
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#queue = [];
    for (const end of this.#endings) end();
    this.#endings.clear();
  }

  /** Calls `run` at its death; returns how to forget that. */
  onDeath(run: () => void): () => void {
    if (this.#state === 'dead') run();
    else this.#endings.add(run);
    return () => this.#endings.delete(run);
  }
}
