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

/**
 * What the bank says of a payout. `paid` and `failed` are final. `pending`: it has the order and has not decided.
 * `unknown`: no answer that can be trusted, so nothing may be concluded: ask again.
 */
export type PayoutState =
  | { readonly code: 'paid'; readonly reference: string; readonly at: number }
  | { readonly code: 'failed'; readonly reason: string }
  | { readonly code: 'pending' }
  | { readonly code: 'unknown'; readonly reason: string };

export interface ListedPayout {
  readonly id: string;
  readonly asset: string;
  readonly amount: number;
  readonly state: 'paid' | 'failed' | 'pending';
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Bank {
  /** Never rejects: what went wrong is `unknown`. */
  payout(order: PayoutOrder): Promise<PayoutState>;
  /** `not_found`: the bank is sure that it never got the order; it may be sent (again, with the same id). */
  query(id: string): Promise<PayoutState | { readonly code: 'not_found' }>;
  /** All payouts of a time span, oldest first, for reconciliation. @throws when the bank cannot be asked */
  list(from: number, until: number): AsyncIterable<ListedPayout>;
}
