/** Time and timers, so that the engine can run on a simulated clock. */
export interface Timer {
  cancel(): void;
}

/** The engine's only source of time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations only. */
  monotonic(): number;
  after(delayMs: number, run: () => void): Timer;
  /** Runs soon, after the I/O of this turn; used to coalesce. */
  soon(run: () => void): void;
}

/** Resolves after `delayMs` of this clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
