/** Waits for owners to be settled up to a job: however many wait, one query at a time asks for all of them. */
import type { CaughtUp } from '../api.ts';
import { settledPollMs, settledWaitMs } from '../limits.ts';
import { sleep, type Clock } from '../ports/clock.ts';

/** `settled` of the owner `number` must come to `seq`. */
export interface Need {
  readonly number: number;
  readonly seq: number;
  /** The number came from a client and may not exist. */
  readonly foreign: boolean;
}

interface Waiter {
  needs: readonly Need[];
  /** Ends the wait; only the first word counts. */
  end(how: CaughtUp): void;
}

export class SettledWaits {
  readonly #progress: (numbers: readonly number[]) => Promise<ReadonlyMap<number, number>>;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #polling = false;

  /** @param progress `settled` by number, of the owners that exist */
  constructor(
    progress: (numbers: readonly number[]) => Promise<ReadonlyMap<number, number>>,
    clock: Clock,
  ) {
    this.#progress = progress;
    this.#clock = clock;
  }

  /** @returns `timeout` after settledWaitMs, `unknown_position` when a foreign need names no owner */
  wait(needs: readonly Need[]): Promise<CaughtUp> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        needs,
        end: (how) => {
          timer.cancel();
          this.#waiters.delete(waiter);
          resolve(how);
        },
      };
      const timer = this.#clock.after(settledWaitMs, () => waiter.end('timeout'));
      this.#waiters.add(waiter);
      if (!this.#polling) void this.#poll();
    });
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#waiters.size > 0) {
      // Who comes during the query waits for the next: this one may be older than the owner asked for.
      const asking = [...this.#waiters];
      const numbers = new Set(asking.flatMap(({ needs }) => needs.map(({ number }) => number)));
      try {
        const settled = await this.#progress([...numbers]);
        for (const waiter of asking) check(waiter, settled);
      } catch {
        // Postgres is away: whoever reads from it would fail as well, so the wait goes on.
      }
      if (this.#waiters.size > 0) await sleep(this.#clock, settledPollMs);
    }
    this.#polling = false;
  }
}

function check(waiter: Waiter, settled: ReadonlyMap<number, number>): void {
  if (waiter.needs.some(({ foreign, number }) => foreign && !settled.has(number))) {
    waiter.end('unknown_position');
    return;
  }
  waiter.needs = waiter.needs.filter(({ number, seq }) => (settled.get(number) ?? 0) < seq);
  if (waiter.needs.length === 0) waiter.end('settled');
}
