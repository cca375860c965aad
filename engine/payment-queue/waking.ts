/** Payments that say a word to the worker whenever they leave something to be done outside. */
import type { Observer } from '../ports/observer.ts';
import type { Payments } from '../payment/port.ts';
import type { WakeUp, WakeUps } from './port.ts';

/** Nobody waits for the word, and a queue that is away is no error: what is due is swept up. */
export function waking(
  payments: Payments,
  wakeUps: Pick<WakeUps, 'add'>,
  observer: Observer,
): Payments {
  const wake = (wakeUp: WakeUp) => {
    wakeUps.add(wakeUp).catch((error: unknown) => {
      observer.log('debug', 'no word to the payout worker', { error: String(error) });
    });
  };
  return {
    ...payments,
    async once(userId, scope, tag, work) {
      const result = await payments.once(userId, scope, tag, work);
      // After the commit: before it nobody would find anything due.
      if (result.code === 'answered' && !result.replayed) {
        const { id } = (result.body ?? {}) as { readonly id?: unknown };
        if (typeof id === 'string') wake({ kind: 'code', id });
      }
      return result;
    },
    async verify(userId, id, code) {
      const result = await payments.verify(userId, id, code);
      if (result.code === 'verified') wake({ kind: 'payout', id });
      return result;
    },
  };
}
