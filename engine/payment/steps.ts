/**
 * One step of what happens outside: an order to the bank, a code to its user. Used by the worker and by tests; safe to
 * repeat, to run in many processes at once, and to be killed anywhere. (E17 ¶208, ¶213)
 *
 * Guards invariant 7: an unknown outcome is asked about, never taken for a failure.
 */
import type { Bank, PayoutOrder, PayoutState } from '../ports/bank.ts';
import type { CodeSender } from '../ports/code-sender.ts';
import type { Observer } from '../ports/observer.ts';
import { storableReference } from './card.ts';
import type { PaymentSteps } from './port.ts';

export interface PayoutDeps {
  readonly payments: Pick<PaymentSteps, 'claimPayout' | 'recordPayout'>;
  readonly bank: Pick<Bank, 'payout' | 'query'>;
  readonly observer: Pick<Observer, 'alarm'>;
}

export type PayoutStep =
  /** Not processing, not due yet, or somebody else is at it. */
  | 'not_due'
  /** Not decided, or nobody knows: due again later. */
  | 'waiting'
  | 'paid'
  | 'failed'
  /** Somebody else brought the bank's final words first. */
  | 'ended_before'
  | 'unreadable';

/**
 * Drives one payout by one step. That the order may have left is on disk before it does, and no connection is held while
 * the bank is asked. An order that may have left is asked about first.
 *
 * `not_found` does not mean that an earlier order cannot arrive any more. Sending again is safe all the same, because it
 * is the same order: the bank pays an id at most once, whichever of the two comes first (see ports/bank.ts).
 */
export async function payOnce(
  { payments, bank, observer }: PayoutDeps,
  id: string,
): Promise<PayoutStep> {
  const claimed = await payments.claimPayout(id);
  switch (claimed.code) {
    case 'not_due':
      return 'not_due';
    case 'unreadable':
      observer.alarm('card_unreadable', `withdrawal ${id}: ${claimed.detail}`);
      return 'unreadable';
    case 'claimed': {
      const { order, sentBefore, tries } = claimed;
      const known = sentBefore ? await bank.query(id, order) : { code: 'not_found' as const };
      const said: PayoutState = known.code === 'not_found' ? await bank.payout(order) : known;
      const isRecorded = await payments.recordPayout(id, storable(said, order), tries);
      switch (said.code) {
        case 'paid':
        case 'failed':
          return isRecorded ? said.code : 'ended_before';
        case 'pending':
        case 'unknown':
          return 'waiting';
      }
    }
  }
}

function storable(said: PayoutState, { card }: PayoutOrder): PayoutState {
  return said.code === 'paid'
    ? { ...said, reference: storableReference(said.reference, card) }
    : said;
}

export interface CodeDeps {
  readonly payments: Pick<PaymentSteps, 'claimCode' | 'recordCode'>;
  readonly codeSender: CodeSender;
}

/** Sends the code of one withdrawal, unless it is sent, too old, or somebody is at it. @returns whether it was taken now */
export async function sendCode({ payments, codeSender }: CodeDeps, id: string): Promise<boolean> {
  const claimed = await payments.claimCode(id);
  if (claimed === undefined) return false;
  const taken = await codeSender.send(claimed.message);
  await payments.recordCode(id, taken, claimed.tries);
  return taken;
}

/** Sends what a crash, or a sender that was down, has left; side by side. @returns how many were taken */
export async function sendCodes(
  deps: CodeDeps & { readonly payments: Pick<PaymentSteps, 'dueCodes'> },
  limit: number,
): Promise<number> {
  const ids = await deps.payments.dueCodes(limit);
  const outcomes = await Promise.allSettled(ids.map((id) => sendCode(deps, id)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason as Error;
  return outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length;
}
