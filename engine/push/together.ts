/**
 * Joins questions that come at about the same time into one: a message to five thousand listeners is read by a hundred
 * statements instead of ten thousand.
 */
import type { Clock } from '../ports/clock.ts';

interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: Error) => void;
}

export interface TogetherOptions<Q, A> {
  readonly clock: Pick<Clock, 'soon'>;
  /** Questions joined at most. */
  readonly max: number;
  /** Joined questions under way at the same time. */
  readonly width: number;
  /** An answer for each question, or the error that belongs to it alone. */
  readonly ask: (questions: readonly Q[]) => Promise<readonly (A | Error)[]>;
}

export class Together<Q, A> {
  readonly #options: TogetherOptions<Q, A>;
  #waiting: Waiting<Q, A>[] = [];
  #isScheduled = false;
  #running = 0;

  constructor(options: TogetherOptions<Q, A>) {
    this.#options = options;
  }

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      this.#schedule();
    });
  }

  /** Whoever asks within this turn of the event loop comes along. */
  #schedule(): void {
    const { clock, width } = this.#options;
    if (this.#isScheduled || this.#running >= width || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    clock.soon(() => {
      this.#isScheduled = false;
      void this.#run().finally(() => {
        this.#running -= 1;
        this.#schedule();
      });
      this.#schedule();
    });
  }

  async #run(): Promise<void> {
    this.#running += 1;
    const { max, ask } = this.#options;
    const asked = this.#waiting.slice(0, max);
    this.#waiting = this.#waiting.slice(max);
    try {
      const answers = await ask(asked.map(({ question }) => question));
      for (const [i, { resolve, reject }] of asked.entries()) {
        const answer = answers[i];
        if (answer instanceof Error) reject(answer);
        else resolve(answer as A);
      }
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of asked) reject(reason);
    }
  }
}
