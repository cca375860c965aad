/** Settle worker: every journal job wakes the settling of its owner up to that job. */
import { settleConcurrency, settlePauseMs } from '../engine/limits.ts';
import { sleep } from '../engine/ports/clock.ts';
import type { Consumer } from '../engine/ports/journal.ts';
import { Settler, type SettlerDeps } from '../engine/settle/settler.ts';

export interface SettleWorkerDeps extends SettlerDeps {
  /** Calls back whenever somebody waits for something to be settled. */
  readonly listen?: (hear: () => void) => { close(): Promise<void> };
}

/** A job leaves the queue when it, and every one of its owner before it, has taken effect. */
export async function startSettleWorker(deps: SettleWorkerDeps): Promise<Consumer> {
  const settler = new Settler(deps);
  const settle = async (id: string, payload: string): Promise<void> => {
    try {
      await settler.settleJob(id, payload);
    } catch (error) {
      // With Postgres away every job fails at once, and each costs the journal two synced writes.
      await sleep(deps.clock, settlePauseMs);
      throw error;
    }
  };
  const consumer = await deps.journal.consume(settle, { concurrency: settleConcurrency });
  const listener = deps.listen?.(() => settler.hurry());
  return {
    async close() {
      settler.close();
      await Promise.all([consumer.close(), listener?.close()]);
    },
  };
}
