/**
 * The bank that pays withdrawals out, as the payment server sees it. (E17 ¶202–213)
 *
 * The payout's id is its idempotency key: whoever sends it again gets what became of the first one.
 */

export interface Card {
  readonly holderName: string;
  readonly cardNumber: string;
  readonly bank: string;
}

export interface PayoutOrder {
  /** The withdrawal's id, stored before the first call; at the bank it means this payout for ever. */
  readonly id: string;
  readonly asset: string;
  /** Minor units. */
  readonly amount: number;
  readonly card: Card;
}

/** Why a bank says that it never will pay this order. Whatever else it says is `unknown`. */
export const payoutRefusals = [
  'card_refused',
  'account_closed',
  'holder_mismatch',
  'amount_refused',
  'asset_refused',
] as const;
export type PayoutRefusal = (typeof payoutRefusals)[number];

/**
 * What the bank says of a payout. `paid` and `failed` are final. `pending`: it has the order and has not decided.
 * `unknown`: no answer that can be trusted, so nothing may be concluded: ask again.
 */
export type PayoutState =
  | { readonly code: 'paid'; readonly reference: string; readonly at: number }
  | { readonly code: 'failed'; readonly reason: PayoutRefusal }
  | { readonly code: 'pending' }
  | { readonly code: 'unknown'; readonly reason: string };

export interface ListedPayout {
  readonly id: string;
  readonly asset: string;
  readonly amount: number;
  readonly state: 'paid' | 'failed' | 'pending';
  /** When the bank took the order; milliseconds since the epoch. */
  readonly at: number;
}

export interface Bank {
  /** Never rejects: what went wrong is `unknown`. */
  payout(order: PayoutOrder): Promise<PayoutState>;
  /**
   * `not_found`: the bank has no such order now; it may be sent (again, with the same id). It does not mean that an
   * order still on its way will not be paid.
   *
   * @param terms of our order; what the bank has under this id with other ones is no answer
   */
  query(
    id: string,
    terms?: Pick<PayoutOrder, 'asset' | 'amount'>,
  ): Promise<PayoutState | { readonly code: 'not_found' }>;
  /**
   * All payouts taken in [from, until), for reconciliation. One may come more than once, and the order is not to be
   * relied on. @throws BankUnavailable when the bank cannot be asked or its list makes no sense
   */
  list(from: number, until: number): AsyncIterable<ListedPayout>;
}

/** The list could not be read to its end. */
export class BankUnavailable extends Error {
  override readonly name = 'BankUnavailable';
}
