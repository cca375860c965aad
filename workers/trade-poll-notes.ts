/** "Was polled just now", said to the database for many accounts at a time; most polls bring nothing else. */
import { pollNotesMs } from '../engine/limits.ts';
import type { Observer } from '../engine/ports/observer.ts';
import type { TradePolls } from '../engine/ports/trade-polls.ts';

export class PolledNotes {
  readonly #polls: TradePolls;
  readonly #observer: Observer;
  #ids = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(polls: TradePolls, observer: Observer) {
    this.#polls = polls;
    this.#observer = observer;
  }

  add(id: string): void {
    this.#ids.add(id);
    this.#timer ??= setTimeout(() => this.#flush(), pollNotesMs);
  }

  #flush(): void {
    this.#timer = undefined;
    const ids = [...this.#ids];
    this.#ids = new Set();
    if (ids.length === 0) return;
    // One after the other. What is lost makes an account look late, and a sweep schedules it once too often.
    this.#writing = this.#writing.then(() =>
      this.#polls.polled(ids).catch((error: unknown) => {
        this.#observer.log('warn', 'polls could not be noted', { error: String(error) });
      }),
    );
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#flush();
    await this.#writing;
  }
}
