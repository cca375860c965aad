/** Settle worker: every journal job wakes the settling of its owner up to that job. */
import { settleConcurrency } from '../engine/limits.ts';
import type { Consumer, Journal } from '../engine/ports/journal.ts';
import type { SettleDeps } from '../engine/settle/settle.ts';
import { Settler } from '../engine/settle/settler.ts';

/** A job leaves the queue when it, and every one of its owner before it, has taken effect. */
export function startSettleWorker(
  deps: SettleDeps & { readonly journal: Journal },
): Promise<Consumer> {
  const settler = new Settler(deps);
  return deps.journal.consume((id, payload) => settler.settleJob(id, payload), {
    concurrency: settleConcurrency,
  });
}
