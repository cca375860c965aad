/**
 * Open loop: request k is due at k / rate, whatever the server does, and its latency counts from then on. A request
 * that finds all connections busy waits for one, and that wait counts as well (no coordinated omission).
 *
 * Autocannon's own rate is not used: it gives each connection its share of a second all at once at the second's
 * start, which is a closed loop in bursts, and its correction takes 1/rate, in seconds, for milliseconds.
 */
import type { LoadClient } from './client.ts';

/** As fine as timers are; every answer looks as well. */
const tickMs = 1;

export class Pace {
  readonly #rate: number;
  readonly #idle: (() => void)[] = [];
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #next = 0;

  constructor(rate: number) {
    this.#rate = rate;
    this.#timer = setInterval(() => this.#send(), tickMs);
  }

  /**
   * Takes over when the client sends.
   *
   * @returns when the request under way was due, in the time of `performance.now()`
   */
  adopt(client: LoadClient): () => number {
    const send = client._doRequest.bind(client);
    let dueMs = 0;
    const go = () => {
      dueMs = this.#startedMs + (this.#next * 1_000) / this.#rate;
      this.#next += 1;
      send();
    };
    client._doRequest = () => {
      this.#idle.push(go);
      this.#send();
    };
    return () => dueMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #send(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) * this.#rate) / 1_000);
    while (this.#next <= due) {
      const go = this.#idle.pop();
      if (go === undefined) return;
      go();
    }
  }
}
