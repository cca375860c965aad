/** What may differ between our records, our ledger and the bank, and how that is told. Pure. (E17) */
import { payoutPendingMsMax, reconcileGraceMs } from '../limits.ts';
import type { WithdrawalStatus } from '../payment/state.ts';
import type { ListedPayout } from '../ports/bank.ts';

/** Between withdrawals and the bank. */
export const bankKinds = [
  /** The bank has a payout that we never had. */
  'unknown_here',
  /** The bank has an order for a withdrawal that was never to be sent. */
  'not_ordered',
  /** The bank has it with another amount or asset. */
  'amount_differs',
  /** The bank paid under one id more than once. */
  'paid_twice',
  'paid_only_here',
  /** The bank says "paid" when it is asked, but its list does not have it: so the list may lack other orders as well. */
  'not_listed',
  /** The bank paid; here it is still under way. */
  'paid_only_there',
  /** The bank refused; here it is still under way. */
  'failed_only_there',
  /** The money went back to the user, and out to the card. */
  'failed_here_paid_there',
  /** The money went back to the user, and the bank may still pay. */
  'failed_here_pending_there',
  'pending_too_long',
] as const;

/** Between records (withdrawals, packets) and the ledger. */
export const ledgerKinds = [
  /** What a withdrawal moved does not stand in the ledger. */
  'transfer_missing',
  /** … stands there with another amount. */
  'transfer_differs',
  /** The ledger has a movement to or from the bank that is no withdrawal's. */
  'transfer_unknown',
  /** What an account holds is not what its open withdrawals wait with. */
  'held_differs',
  'in_flight_differs',
  'paid_out_differs',
  /** What a batch's escrow holds is not what is unopened of it. */
  'escrow_differs',
] as const;

/** Of the whole audit. */
export const auditKinds = [
  /** An asset whose columns do not add up. */
  'ledger_difference',
  /** Records that contradict each other; their number, those named above included. */
  'ledger_mismatch',
] as const;

export const differenceKinds = [...bankKinds, ...ledgerKinds, ...auditKinds] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

export interface Difference {
  readonly kind: DifferenceKind;
  /** Of the withdrawal, the bank's payout or the batch; empty where there is none. */
  readonly id: string;
  /** Of the ledger, e.g. `user:ben`; empty where it is about the bank. */
  readonly account: string;
  readonly asset: string;
  /** State here and at the bank, empty where there is none. */
  readonly here: WithdrawalStatus | '';
  readonly there: ListedPayout['state'] | '';
  /** Minor units, by our records. */
  readonly amountHere: number | undefined;
  /** … and by the bank, or the ledger. */
  readonly amountThere: number | undefined;
  /** When it began here, or else at the bank; ms since the epoch. */
  readonly since: number | undefined;
}

export interface Here {
  readonly status: WithdrawalStatus;
  readonly asset: string;
  readonly amount: number;
  readonly verifiedAt: number | undefined;
  readonly nextTryAt: number | undefined;
  readonly endedAt: number | undefined;
}

export interface There {
  readonly state: ListedPayout['state'];
  readonly asset: string;
  readonly amount: number;
  /** When the bank took the order. */
  readonly at: number;
  /** When it paid, where it says so. */
  readonly paidAt: number | undefined;
  /** False: it is only known from asking. */
  readonly isListed: boolean;
}

export interface Patience {
  /** How long the two sides may differ because one of them is just ahead. */
  readonly graceMs: number;
  /** A payout that nobody has decided for longer is told. */
  readonly pendingMsMax: number;
}

export const patienceDefault: Patience = {
  graceMs: reconcileGraceMs,
  pendingMsMax: payoutPendingMsMax,
};

/** What differs between a withdrawal and the bank; undefined: they agree, or one of them is just ahead. */
export function kindOf(
  here: Here | undefined,
  there: There | undefined,
  now: number,
  { graceMs, pendingMsMax }: Patience = patienceDefault,
): DifferenceKind | undefined {
  if (here === undefined) return there === undefined ? undefined : 'unknown_here';
  const isOther =
    there !== undefined && (there.amount !== here.amount || there.asset !== here.asset);
  if (isOther) return 'amount_differs';
  const isPast = (at: number | undefined, ms: number) => at !== undefined && now - at > ms;
  switch (here.status) {
    case 'paid':
      if (!isPast(here.endedAt, graceMs)) return undefined;
      if (there?.state !== 'paid') return 'paid_only_here';
      return there.isListed ? undefined : 'not_listed';
    case 'failed':
      if (there === undefined || there.state === 'failed') return undefined;
      if (!isPast(here.endedAt, graceMs)) return undefined;
      return there.state === 'paid' ? 'failed_here_paid_there' : 'failed_here_pending_there';
    case 'awaiting_verification':
    case 'rejected':
      return there === undefined ? undefined : 'not_ordered';
    case 'processing': {
      const isLate = isPast(here.verifiedAt, pendingMsMax);
      if (there === undefined || there.state === 'pending')
        return isLate ? 'pending_too_long' : undefined;
      // Whoever drives it asks the bank again soon, and then it ends here as well.
      const isLeft = isPast(here.nextTryAt, graceMs) || isPast(there.paidAt, graceMs);
      if (!isLeft && !isLate) return undefined;
      return there.state === 'paid' ? 'paid_only_there' : 'failed_only_there';
    }
  }
}
