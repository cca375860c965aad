/** Structured log lines on standard output, from any thread. */
import pino, { type Logger } from 'pino';

export type { Logger };

/** A pino logger; `thread` stands in every line. */
export function createLogger(level: string, thread: string): Logger {
  // Written straight to the descriptor: a thread's own stdout would travel through the main thread first.
  return pino(
    { level, base: { thread }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 1, sync: true }),
  );
}
