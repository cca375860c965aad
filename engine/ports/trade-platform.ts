/** A third-party trade platform as the messaging server sees it: where members' trades come from. (T5, T8–T10) */

export interface TradeAccount {
  readonly account: string;
  /** Undefined where the account alone identifies the member (paths A and C). */
  readonly secret: string | undefined;
}

/** As the platform tells it, checked for shape and size only; whether it may be shown is decided by `engine/trade`. */
export interface PlatformTrade {
  /** Unique on its platform; the same trade by poll and by webhook has the same id. */
  readonly id: string;
  /** The platform's account that made it. */
  readonly account: string;
  readonly title: string;
  readonly categories: readonly string[];
  /** Minor units. */
  readonly price: number;
  readonly currency: string;
  readonly url: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A trade that is no trade, with what is wrong about it; it never stops the others. */
export interface Malformed {
  readonly id: string | undefined;
  readonly reason: string;
}

/** `reason` is a word of ours, fit for a metric. */
export interface Unavailable {
  readonly code: 'unavailable';
  readonly reason: string;
  /** What the platform asked for. */
  readonly retryAfterMs?: number;
}

export type LoginResult =
  | { readonly code: 'logged_in'; readonly session: string; readonly expiresAt: number | undefined }
  | { readonly code: 'wrong_secret' }
  | Unavailable;

export type TradesResult =
  | {
      readonly code: 'page';
      readonly trades: readonly PlatformTrade[];
      readonly malformed: readonly Malformed[];
      /** Where the next poll goes on; opaque. A trade may come again after it, none is left out. */
      readonly cursor: string;
      /** There are more right now. */
      readonly more: boolean;
    }
  | { readonly code: 'login_expired' }
  | { readonly code: 'wrong_secret' }
  | Unavailable;

/**
 * Whose the trades of a push are: of the member that the platform names, as it was told by `register`; of the member whose
 * user id the account is (path C); or of everybody who has given the account, where a platform can name nobody.
 */
export type PushedFor =
  | { readonly kind: 'member'; readonly userId: string }
  | { readonly kind: 'same' }
  | { readonly kind: 'account' };

export type WebhookResult =
  | {
      readonly code: 'trades';
      readonly deliveryId: string;
      readonly pushedFor: PushedFor;
      readonly trades: readonly PlatformTrade[];
      readonly malformed: readonly Malformed[];
    }
  /** A platform tries whether anybody is there; nothing is signed and nothing is to be done. */
  | { readonly code: 'ping' }
  | { readonly code: 'bad_signature' | 'too_old' | 'malformed' };

export interface TradePlatform {
  readonly name: string;
  /** Path B. Never rejects. */
  login(account: TradeAccount): Promise<LoginResult>;
  /** Path B: trades after `cursor` (undefined: from now on), oldest first. Never rejects. */
  trades(account: TradeAccount, session: string, cursor: string | undefined): Promise<TradesResult>;
  /** Path A: tells the platform whose trades to push, or to stop. @returns false: nobody knows, try again */
  register(account: string, userId: string, active: boolean): Promise<boolean>;
  /**
   * Path A: checks and reads a push; over the raw body, timing-safe, at most 300 s old where the platform dates it. May
   * ask the platform for what the push leaves out, but only once the signature was right. Never rejects.
   *
   * @param headers with names in lower case
   */
  webhook(
    headers: Readonly<Record<string, string | undefined>>,
    rawBody: Uint8Array,
    now: number,
  ): Promise<WebhookResult>;
  /** Ends its connections. */
  close(): void;
}
