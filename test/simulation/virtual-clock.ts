/** A clock that moves only when told to: timers fire in the order of their time, ties in the order of their making. */
import type { Clock, Timer } from '../../engine/ports/clock.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  /** Difference between wall clock and monotonic time; a jump changes it. */
  #offset = 0;
  readonly #entries: Entry[] = [];

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
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(entry);
    return {
      cancel: () => {
        const index = this.#entries.indexOf(entry);
        if (index >= 0) this.#entries.splice(index, 1);
      },
    };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Kept sorted, the next one last. */
  #push(entry: Entry): void {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#entries[middle] as Entry;
      if (other.at > entry.at || (other.at === entry.at && other.order > entry.order))
        low = middle + 1;
      else high = middle;
    }
    this.#entries.splice(low, 0, entry);
  }

  /** Time of the next timer, or undefined when there is none. */
  get next(): number | undefined {
    return this.#entries.at(-1)?.at;
  }

  /** Fires the next timer and lets all promises settle; false when there was none. */
  async step(): Promise<boolean> {
    const entry = this.#entries.pop();
    if (entry === undefined) return false;
    this.#now = Math.max(this.#now, entry.at);
    entry.run();
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

/** All promise jobs that are ready have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
