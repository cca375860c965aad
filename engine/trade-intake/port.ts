/** What the gateway sees of trades that came in: pushes, the way to a trade's page, the information bar. (T8, T10–T13) */
import type { WebhookResult } from '../ports/trade-platform.ts';
import type { PageAt, Paged } from '../books/page.ts';
import type { TradeLink } from '../social/types.ts';

/** What the adapter of a platform has read of a push; see `TradePlatform.webhook`. */
export type TradePush = WebhookResult;
/** `repeated`: it was taken before. The rest is the adapter's refusal. */
export type PushTaken = 'taken' | 'repeated' | Exclude<WebhookResult['code'], 'trades'>;

/** A trade of somebody, as the other one in a conversation sees it. (T13) */
export interface ContactTrade {
  /** `url` is the one of the message that shows it. */
  readonly link: TradeLink;
  /** The member's types that it is of in the group that shows it to the reader. */
  readonly types: readonly string[];
  readonly groupId: string;
  readonly messageId: string;
}

/** Every promise rejects only on passing faults of Postgres or programmer errors. */
export interface TradeIntake {
  /**
   * Keeps and shows what a platform has pushed, in one transaction with the delivery's name: a replay is dropped, and the
   * same trade by another way changes nothing. Trades of accounts that nobody has given are passed over, and counted.
   */
  take(platform: string, push: TradePush): Promise<PushTaken>;
  /**
   * The page of a trade: for whoever sees it in a group, and for whoever has the key of its link.
   *
   * @param userId undefined: nobody said who asks
   * @returns undefined: there is none for them, or the platform's links may no longer lead there
   */
  page(
    tradeId: string,
    userId: string | undefined,
    key: string | undefined,
  ): Promise<string | undefined>;
  /**
   * Trades of `otherId` that `readerId` sees in groups where both are members now, newest first. `contact_not_found`: they
   * are in no group together, and no contacts either.
   */
  tradesOf(
    readerId: string,
    otherId: string,
    at: PageAt,
  ): Promise<Paged<ContactTrade> | { readonly code: 'contact_not_found' }>;
  close(): Promise<void>;
}
