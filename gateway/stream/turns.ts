/**
 * Who is read for next: first come, first served, a bounded number at a time, one page a turn. So five thousand members
 * who get a message at once do not take all connections, and a long resume does not keep the others waiting.
 */
export class Turns<T> {
  readonly #width: number;
  readonly #run: (item: T) => Promise<void>;
  readonly #waiting = new Set<T>();
  readonly #running = new Set<T>();

  /** @param run must not reject */
  constructor(width: number, run: (item: T) => Promise<void>) {
    this.#width = width;
    this.#run = run;
  }

  /** Has a turn from now on; asked during its turn, it gets another one. */
  ask(item: T): void {
    this.#waiting.add(item);
    this.#next();
  }

  /** Has no turn any more, except the one it may be in. */
  forget(item: T): void {
    this.#waiting.delete(item);
  }

  #next(): void {
    if (this.#running.size === this.#width) return;
    for (const item of this.#waiting) {
      if (this.#running.has(item)) continue;
      this.#waiting.delete(item);
      this.#running.add(item);
      void this.#run(item).finally(() => {
        this.#running.delete(item);
        this.#next();
      });
      if (this.#running.size === this.#width) return;
    }
  }
}
