/** Settle worker: every journal job wakes the settling of its owner up to that job. */
import { settleConcurrency, settlePauseMs } from '../engine/limits.ts';
import { sleep } from '../engine/ports/clock.ts';
import type { Consumer, Journal } from '../engine/ports/journal.ts';
import type { SettleDeps } from '../engine/settle/settle.ts';
import { Settler } from '../engine/settle/settler.ts';

/** A job leaves the queue when it, and every one of its owner before it, has taken effect. */
export function startSettleWorker(
  deps: SettleDeps & { readonly journal: Journal },
): Promise<Consumer> {
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
  return deps.journal.consume(settle, { concurrency: settleConcurrency });
}
