/** What the statements of the payment server share: pool, clock, vault, limits, observer. (E16) */
import type { Pool } from 'pg';
import type { WithdrawalLimits } from './settings.ts';
import type { WithdrawalStatus } from './state.ts';
import type { Vault } from './vault.ts';

/** Told once per change, after its transaction committed. */
export interface PaymentObserver {
  /** A withdrawal came into this state. */
  became(status: WithdrawalStatus): void;
  /** A try to bring a code to its user. */
  codeSent(taken: boolean): void;
}

export const silentPaymentObserver: PaymentObserver = { became() {}, codeSent() {} };

export interface PaymentContext {
  readonly pool: Pool;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly vault: Vault;
  readonly limits: WithdrawalLimits;
  readonly observer: PaymentObserver;
}
