/**
 * The payment server on Postgres. It has a pool of its own, so that slow banks never take the connections of the books.
 * (E16)
 */
import { retried } from '../books/context.ts';
import { once } from '../books/once.ts';
import { openPool, type PoolOptions } from '../store/pool.ts';
import { claimCode, dueCodes, expireCodes, expireCodesOf, recordCode } from './codes.ts';
import { silentPaymentObserver, type PaymentContext, type PaymentObserver } from './context.ts';
import { claimPayout, duePayouts, oldestProcessingAt, recordPayout } from './payouts.ts';
import type { Payments, PaymentSteps } from './port.ts';
import { withdrawal, withdrawals } from './reads.ts';
import { register, registration } from './registration.ts';
import { request } from './request.ts';
import { withdrawalLimitsDefault, type WithdrawalLimits } from './settings.ts';
import { verify } from './verify.ts';
import { Vault, type CardKey } from './vault.ts';

export interface PaymentOptions extends Pick<PoolOptions, 'url' | 'observer' | 'poolMax'> {
  /** The first is the current one; see cardKeysOf(). */
  readonly cardKeys: readonly CardKey[];
  readonly limits?: WithdrawalLimits | undefined;
  readonly payments?: PaymentObserver | undefined;
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined;
}

/**
 * Opens the payment server on a migrated database. (E17)
 *
 * @throws UnsafeServer when the server could lose acknowledged money; the message says what to set
 */
export async function postgresPayments(options: PaymentOptions): Promise<Payments & PaymentSteps> {
  const pool = await openPool({ ...options, applicationName: 'hongbao-payment' });
  const context: PaymentContext = {
    pool,
    now: options.now ?? Date.now,
    vault: new Vault(options.cardKeys),
    limits: options.limits ?? withdrawalLimitsDefault,
    observer: options.payments ?? silentPaymentObserver,
  };
  return {
    async once(userId, scope, tag, work) {
      // What no code can verify any more is not in the way of a new request.
      await expireCodesOf(context, userId);
      const result = await retried(() => once(context, userId, scope, tag, work));
      const isNew = result.code === 'answered' && !result.replayed && result.status === 201;
      if (isNew) context.observer.became('awaiting_verification');
      return result;
    },
    register: (userId, card) => register(context, userId, card),
    registration: (userId) => registration(context, userId),
    request: (tx, wanted) => request(context, tx, wanted),
    verify: (userId, id, code) => verify(context, userId, id, code),
    withdrawal: (userId, id) => withdrawal(context, userId, id),
    withdrawals: (userId, at) => withdrawals(context, userId, at),
    duePayouts: (limit) => duePayouts(context, limit),
    claimPayout: (id) => claimPayout(context, id),
    recordPayout: (id, said, tries) => recordPayout(context, id, said, tries),
    dueCodes: (limit) => dueCodes(context, limit),
    claimCode: (id) => claimCode(context, id),
    recordCode: (id, taken, tries) => recordCode(context, id, taken, tries),
    expireCodes: (limit) => expireCodes(context, limit),
    oldestProcessingAt: () => oldestProcessingAt(context),
    close: () => pool.end(),
  };
}
