/**
 * The life of a withdrawal: what may happen in which state, and what it does to the money. Pure. (E17 ¶202–213)
 *
 *   (request) ─hold─▶ awaiting_verification ─right code: take─▶ processing ─bank paid: pay_out─▶ paid
 *                          │                                        └───bank refused: give_back─▶ failed
 *                          └─last wrong code, code too old: release─▶ rejected
 *
 * Guards invariant 1 for withdrawals: each movement belongs to exactly one transition, and final states have none.
 */
import { codeAttemptsMax } from '../limits.ts';

export type WithdrawalStatus =
  | 'awaiting_verification'
  | 'processing'
  | 'paid'
  | 'failed'
  | 'rejected';

export interface WithdrawalState {
  readonly status: WithdrawalStatus;
  readonly wrongCodes: number;
  /** Why it failed or was rejected. */
  readonly reason: string | undefined;
}

export type WithdrawalEvent =
  /** The user gave the right code in time (¶212). */
  | { readonly kind: 'verified' }
  | { readonly kind: 'wrong_code' }
  | { readonly kind: 'code_expired' }
  /** The bank's final words (¶213). */
  | { readonly kind: 'paid' }
  | { readonly kind: 'failed'; readonly reason: string };

/** held → balance; held → in flight; in flight → paid out; in flight → balance. */
export type Movement = 'release' | 'take' | 'pay_out' | 'give_back';

export type Transition =
  | {
      readonly code: 'moved';
      readonly state: WithdrawalState;
      readonly movement: Movement | undefined;
    }
  /** It means nothing in this state: nothing changes. */
  | { readonly code: 'refused' };

/** What a request makes, once the amount is held. */
export const requested: WithdrawalState = {
  status: 'awaiting_verification',
  wrongCodes: 0,
  reason: undefined,
};

const refused: Transition = { code: 'refused' };

/** What an event makes of a withdrawal. */
export function transition(state: WithdrawalState, event: WithdrawalEvent): Transition {
  switch (state.status) {
    case 'awaiting_verification':
      return whileAwaiting(state, event);
    case 'processing':
      return whileProcessing(state, event);
    case 'paid':
    case 'failed':
    case 'rejected':
      return refused;
  }
}

function whileAwaiting(state: WithdrawalState, event: WithdrawalEvent): Transition {
  switch (event.kind) {
    case 'verified':
      return moved({ ...state, status: 'processing' }, 'take');
    case 'wrong_code': {
      const wrongCodes = state.wrongCodes + 1;
      if (wrongCodes < codeAttemptsMax) return moved({ ...state, wrongCodes }, undefined);
      return moved({ status: 'rejected', wrongCodes, reason: 'wrong_code' }, 'release');
    }
    case 'code_expired':
      return moved({ ...state, status: 'rejected', reason: 'code_expired' }, 'release');
    case 'paid':
    case 'failed':
      return refused;
  }
}

function whileProcessing(state: WithdrawalState, event: WithdrawalEvent): Transition {
  switch (event.kind) {
    case 'paid':
      return moved({ ...state, status: 'paid' }, 'pay_out');
    case 'failed':
      return moved({ ...state, status: 'failed', reason: event.reason }, 'give_back');
    case 'verified':
    case 'wrong_code':
    case 'code_expired':
      return refused;
  }
}

function moved(state: WithdrawalState, movement: Movement | undefined): Transition {
  return { code: 'moved', state, movement };
}

/** How many more codes the user may try. */
export function attemptsLeft({ status, wrongCodes }: WithdrawalState): number {
  return status === 'awaiting_verification' ? codeAttemptsMax - wrongCodes : 0;
}
