/** Periodic work that never runs twice at a time and takes a small part of the time only. */
import type { Observer } from '../engine/ports/observer.ts';

/** Periodic work rests this many times as long as it took. */
const restFactorDefault = 30;

export interface Repetition {
  readonly intervalMs: number;
  /** Until the first time; default: the interval. */
  readonly firstMs?: number;
  readonly restFactor?: number;
}

/**
 * Runs `work` again `intervalMs` after it ended, or later: slow work, such as the audit of a large ledger, takes a
 * small part of the time only. An error is logged and changes nothing.
 *
 * @returns a function that stops it and waits for the piece under way
 */
export function repeat(
  work: () => Promise<void>,
  { intervalMs, firstMs = intervalMs, restFactor = restFactorDefault }: Repetition,
  observer: Pick<Observer, 'log'>,
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const next = (delayMs: number) => {
    timer = setTimeout(() => {
      const startedAt = performance.now();
      running = work()
        .catch((error: unknown) =>
          observer.log('warn', 'housekeeping failed', { error: String(error) }),
        )
        .then(() => next(Math.max(intervalMs, restFactor * (performance.now() - startedAt))));
    }, delayMs);
  };
  next(firstMs);
  return async () => {
    clearTimeout(timer);
    await running;
    clearTimeout(timer);
  };
}
