/**
 * Work that waits for one lock anyway, a few at a time for each name: a crowd in one conversation waits in its lane, not
 * on all connections, so that everybody else is served meanwhile.
 */

interface Lane {
  running: number;
  readonly waiting: (() => void)[];
}

export class Lanes {
  readonly #width: number;
  readonly #waitingMax: number;
  /** Of names with work under way. */
  readonly #lanes = new Map<string, Lane>();

  /**
   * @param width work of one name under way at a time
   * @param waitingMax work of one name that may wait
   */
  constructor(width: number, waitingMax: number) {
    this.#width = width;
    this.#waitingMax = waitingMax;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** First come, first served. @returns undefined when too many wait; the work is not begun then */
  async run<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    const lane = this.#lanes.get(name) ?? { running: 0, waiting: [] };
    if (lane.running < this.#width) {
      lane.running += 1;
      this.#lanes.set(name, lane);
    } else if (lane.waiting.length < this.#waitingMax) {
      // Whoever ends leaves its place to this one.
      await new Promise<void>((resolve) => lane.waiting.push(resolve));
    } else return undefined;
    try {
      return await work();
    } finally {
      const next = lane.waiting.shift();
      if (next !== undefined) next();
      else {
        lane.running -= 1;
        if (lane.running === 0) this.#lanes.delete(name);
      }
    }
  }
}
