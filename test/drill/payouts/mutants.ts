/**
 * Workers that break one rule of paying out each. The drill and its comparison must catch every one of them: a check that
 * cannot fail proves nothing.
 */
import { randomUUID } from 'node:crypto';
import type { Bank, PayoutState } from '../../../engine/ports/bank.ts';

/** What each does wrong, by wrapping the bank that the worker has. */
const mutations = {
  /** The id is not the idempotency key: each try is another payout. */
  'new-key': (bank) => ({ payout: (order) => bank.payout({ ...order, id: randomUUID() }) }),
  /** No answer is taken for a refusal. */
  'unknown-is-failed': (bank) => ({
    payout: async (order) => sure(await bank.payout(order), 'unknown', refused),
  }),
  /** The bank does not know it now, so it never will. */
  'not-found-is-failed': (bank) => ({
    query: async (...asked) => sure(await bank.query(...asked), 'not_found', refused),
  }),
  /** The bank has the order, so it will pay. */
  'pending-is-paid': (bank) => ({
    payout: async (order) => sure(await bank.payout(order), 'pending', paid),
  }),
} satisfies Record<string, (bank: Bank) => Partial<Bank>>;

export type PayoutMutant = keyof typeof mutations;
export const payoutMutants = Object.keys(mutations) as PayoutMutant[];

const refused: PayoutState = { code: 'failed', reason: 'account_closed' };
const paid: PayoutState = { code: 'paid', reference: 'surely', at: 0 };

/** `instead` of what is not final. */
function sure<Said extends { readonly code: string }>(
  said: Said,
  code: Said['code'],
  instead: PayoutState,
): Said | PayoutState {
  return said.code === code ? instead : said;
}

/** The bank as this mutant uses it; as it is for everybody else. */
export function mutatedBank(bank: Bank, mutant: string | undefined): Bank {
  const mutation = payoutMutants.find((name) => name === mutant);
  return mutation === undefined ? bank : { ...bank, ...mutations[mutation](bank) };
}
