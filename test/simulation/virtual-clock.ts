/** A clock that moves only when told to: timers fire in the order of their time, ties in the order of their making. */
import type { Clock, Timer } from '../../engine/ports/clock.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  /** Difference between wall clock and monotonic time; a jump changes it. */
  #offset = 0;
  /** A binary heap; a cancelled entry stays until it is on top. */
  readonly #heap: Entry[] = [];

  constructor(startMs = 1_800_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now + this.#offset;
  }

  monotonic(): number {
    return this.#now;
  }

  /** The wall clock jumps; timers do not care. */
  jump(byMs: number): void {
    this.#offset += byMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const entry: Entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(entry);
    return {
      cancel: () => {
        entry.run = undefined;
      },
    };
  }

  soon(run: () => void): void {
    this.#push({ at: this.#now, order: this.#order++, run });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = heap[above] as Entry;
      if (!isBefore(entry, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, heap[below] as Entry)) below += 1;
      const child = heap[below] as Entry;
      if (!isBefore(child, last)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = last;
    return top;
  }

  /** Time of the next timer, or undefined when there is none. */
  get next(): number | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].run === undefined) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Fires the next timer, promises not included; false when there was none. */
  fire(): boolean {
    if (this.next === undefined) return false;
    const entry = this.#pop();
    this.#now = Math.max(this.#now, entry?.at ?? 0);
    entry?.run?.();
    return true;
  }

  /** Fires the next timer and lets all promises settle; false when there was none. */
  async step(): Promise<boolean> {
    if (!this.fire()) return false;
    await settled();
    return true;
  }

  /** Lets `durationMs` of virtual time pass. */
  async pass(durationMs: number): Promise<void> {
    const until = this.#now + durationMs;
    await settled();
    while (this.next !== undefined && this.next <= until) await this.step();
    this.#now = until;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** All promise jobs that are ready have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Immediates made at once: Node runs all promise jobs between two of them, without a turn of its event loop. */
const immediatesAtOnce = 512;

/** Calls `step` until it returns false, with all promise jobs run after each call. Rejects with what it throws. */
export function drive(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let done = false;
    const one = () => {
      if (done) return;
      try {
        if (step()) return;
        done = true;
        resolve();
      } catch (error) {
        done = true;
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const refill = () => {
      if (done) return;
      for (let i = 0; i < immediatesAtOnce; i += 1) setImmediate(one);
      setImmediate(refill);
    };
    refill();
  });
}
