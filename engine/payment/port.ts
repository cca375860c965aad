/**
 * The payment server as the gateway and the payout worker see it: registration, withdrawals, and the steps of those that
 * are under way. Business outcomes are values; promises reject only on passing faults of Postgres or programmer errors.
 * (E16, E17 ¶202–213)
 */
import type { PageAt, Paged } from '../books/page.ts';
import type { Books, Tx } from '../books/types.ts';
import type { Card, PayoutOrder, PayoutState } from '../ports/bank.ts';
import type { CodeMessage } from '../ports/code-sender.ts';
import type { CardView } from './card.ts';
import type { WithdrawalStatus } from './state.ts';

/** What its owner sees of a registered card. */
export interface Registration extends CardView {
  /** Masked. */
  readonly holderName: string;
  readonly registeredAt: number;
}

export interface Withdrawal {
  readonly id: string;
  readonly status: WithdrawalStatus;
  readonly asset: string;
  /** Minor units. */
  readonly amount: number;
  /** The card of the time of the request; it is paid to no other. */
  readonly card: CardView;
  readonly requestedAt: number;
  /** While it awaits its code. */
  readonly code: { readonly expiresAt: number; readonly attemptsLeft: number } | undefined;
  /** Of the ends that are not `paid`. */
  readonly reason: string | undefined;
  readonly endedAt: number | undefined;
}

export interface WithdrawalRequest {
  readonly userId: string;
  readonly asset: string;
  readonly amount: number;
}

/** Which limit a request does not keep; `value` in minor units, or requests. */
export interface BrokenLimit {
  readonly name: 'min' | 'max' | 'day_amount' | 'day_count';
  readonly value: number;
}

/** Refusals in the order in which they are looked for. (¶205–208) */
export type RequestResult =
  | { readonly code: 'requested'; readonly withdrawal: Withdrawal }
  | { readonly code: 'registration_required' }
  | { readonly code: 'asset_not_withdrawable'; readonly assets: readonly string[] }
  | { readonly code: 'withdrawal_limit'; readonly limit: BrokenLimit }
  | { readonly code: 'insufficient_funds' };

/** (¶211–212) */
export type VerifyResult =
  /** Now or before: the same code again gets the same answer. */
  | { readonly code: 'verified'; readonly withdrawal: Withdrawal }
  | { readonly code: 'withdrawal_not_found' | 'code_expired' | 'not_awaiting_verification' }
  | { readonly code: 'wrong_code'; readonly attemptsLeft: number };

/** What the gateway asks for. */
export interface Payments extends Pick<Books, 'once'> {
  /** Replaces what was registered; withdrawals under way keep their card. @param card valid, digits only */
  register(userId: string, card: Card): Promise<Registration>;
  registration(userId: string): Promise<Registration | undefined>;
  /** Holds the amount; the code is due when `tx` commits. (¶203–208) */
  request(tx: Tx, request: WithdrawalRequest): Promise<RequestResult>;
  verify(userId: string, id: string, code: string): Promise<VerifyResult>;
  /** Of its owner; anybody else's is not there. */
  withdrawal(userId: string, id: string): Promise<Withdrawal | undefined>;
  /** The user's, newest first. */
  withdrawals(userId: string, at: PageAt): Promise<Paged<Withdrawal>>;
  close(): Promise<void>;
}

/** A payout that is ours to drive until the lease ends. */
export type ClaimedPayout =
  | {
      readonly code: 'claimed';
      readonly order: PayoutOrder;
      /** The order may have left before: ask first. */
      readonly sentBefore: boolean;
      readonly tries: number;
    }
  /** Not processing, not due, or somebody else drives it. */
  | { readonly code: 'not_due' }
  /** Its key is missing, or the row is damaged; it is tried again much later. */
  | { readonly code: 'unreadable'; readonly detail: string };

export interface ClaimedCode {
  readonly message: CodeMessage;
  readonly tries: number;
}

/** What drives withdrawals on; every step is safe to repeat and to run in many processes at once. */
export interface PaymentSteps {
  /** Ids of payouts that nobody drives, the longest due first. */
  duePayouts(limit: number): Promise<readonly string[]>;
  /** Takes one for a lease and stores that its order may have left, before it does. No connection is kept. */
  claimPayout(id: string): Promise<ClaimedPayout>;
  /** Stores what the bank said; a reference is stored as it is. @returns false when it had ended before */
  recordPayout(id: string, said: PayoutState, tries: number): Promise<boolean>;
  /** Ids of withdrawals whose code nobody has sent yet. */
  dueCodes(limit: number): Promise<readonly string[]>;
  claimCode(id: string): Promise<ClaimedCode | undefined>;
  /** @param taken false: it has to be sent again */
  recordCode(id: string, taken: boolean, tries: number): Promise<void>;
  /** Rejects withdrawals whose code is too old, at most so many; resolves with their number. */
  expireCodes(limit: number): Promise<number>;
  /** When the oldest withdrawal that is being paid out was verified. */
  oldestProcessingAt(): Promise<number | undefined>;
}
