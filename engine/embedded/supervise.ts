import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedLog } from './log.ts';
import type { Postmaster } from './postmaster.ts';

const backoffMinMs = 100;
const backoffMaxMs = 5_000;
/** A server that ran this long was well; its next end starts the backoff anew. */
const steadyMs = 10_000;

/** A server that is started again until stop(). */
export type Supervised = { stop(): Promise<void> };

/**
 * Keeps a server running: whenever it ends, whoever ended it, it is started again.
 *
 * @param first the running server
 * @param startAgain starts a new one on the same address; may fail, gives up on the signal
 */
export function supervise(
  first: Postmaster,
  startAgain: (signal: AbortSignal) => Promise<Postmaster>,
  log: EmbeddedLog,
): Supervised {
  const stopping = new AbortController();
  let current: Postmaster | undefined = first;

  const run = async () => {
    let backoffMs = backoffMinMs;
    while (!stopping.signal.aborted) {
      if (current !== undefined) {
        const startedAtMs = performance.now();
        const lastLines = await current.exited;
        current = undefined;
        if (stopping.signal.aborted) return;
        log.error({ lastLines }, 'PostgreSQL ended; starting it again');
        if (performance.now() - startedAtMs >= steadyMs) backoffMs = backoffMinMs;
      }
      // Sessions of a killed server need a moment to notice and leave its shared memory.
      await sleep(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      backoffMs = Math.min(backoffMs * 2, backoffMaxMs);
      if (stopping.signal.aborted) return;
      try {
        current = await startAgain(stopping.signal);
        log.info({ pid: current.pid }, 'PostgreSQL runs again');
      } catch (error) {
        if (!stopping.signal.aborted) log.error({ err: error }, 'PostgreSQL did not start again');
      }
    }
  };
  const ended = run();

  return {
    async stop() {
      stopping.abort();
      await current?.stop();
      await ended;
      // A start that was just complete when stop() came.
      await current?.stop();
    },
  };
}
