/** What polling needs of the database: whom to poll, from where on, and what came of it. Path B. (T9, c15, ¶87) */
import type { Malformed, PlatformTrade } from './trade-platform.ts';

/** Somebody's account on a platform. Several members may have given the same one; each is polled for himself. */
export interface PolledAccount {
  /** Of the row that holds cursor and secret; never used again for another. Digits. */
  readonly id: string;
  readonly platform: string;
  readonly account: string;
  readonly secret: string;
  /** Undefined before the first poll. */
  readonly cursor: string | undefined;
}

export interface PolledPage {
  readonly trades: readonly PlatformTrade[];
  readonly malformed: readonly Malformed[];
  readonly cursor: string;
}

/**
 * `stale`: somebody else has polled meanwhile, the page was not taken. `gone`: the account is not polled any more, or its
 * secret is another one now.
 */
export type AcceptResult = 'accepted' | 'stale' | 'gone';

export interface TradePolls {
  /** Undefined: it is not to be polled (any more). */
  load(id: string): Promise<PolledAccount | undefined>;
  /**
   * Trades, what became of them, and the new cursor in one transaction; only where the cursor still is `polled.cursor`.
   * Not called for a page that holds nothing new.
   */
  accept(polled: PolledAccount, page: PolledPage): Promise<AcceptResult>;
  /** These were polled to the end just now; said for many at a time. One that is forgotten is only polled again. */
  polled(ids: readonly string[]): Promise<void>;
  /** Stops polling and tells the member, unless there is another secret meanwhile. */
  wrongSecret(polled: PolledAccount): Promise<void>;
  /**
   * Accounts of the platform that are to be polled and were not since `before` (milliseconds since the epoch), those
   * never polled among them, with ids above `after`, in the order of their ids as numbers.
   */
  overdue(
    platform: string,
    before: number,
    after: string | undefined,
    limit: number,
  ): Promise<readonly string[]>;
}
