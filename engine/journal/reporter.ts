/** Log lines that cannot flood: a broken store makes the same error thousands of times a second. */
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';

const quietMs = 5_000;
/** Distinct messages remembered; error texts come from outside. */
const messagesMax = 100;

export interface Reporter {
  /** Logs `message` with the error's text, at most once in 5 s for the same pair. */
  report(level: 'warn' | 'error', message: string, error: unknown): void;
}

export function reporter(observer: Observer, clock: Clock): Reporter {
  const seen = new Map<string, { since: number; suppressed: number }>();
  return {
    report(level, message, error) {
      const reason = reasonOf(error);
      const key = `${message}: ${reason}`;
      const now = clock.monotonic();
      const last = seen.get(key);
      if (last !== undefined && now - last.since < quietMs) {
        last.suppressed += 1;
        return;
      }
      if (seen.size >= messagesMax) seen.clear();
      seen.set(key, { since: now, suppressed: 0 });
      const suppressed = last?.suppressed ?? 0;
      observer.log(level, message, suppressed > 0 ? { reason, suppressed } : { reason });
    },
  };
}

/** One line that says what went wrong; never a URL, which may hold a password. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.split('\n', 1)[0]?.slice(0, 300) ?? '';
}
