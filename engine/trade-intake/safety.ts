/**
 * Which trades may be shown: those that hold nothing a platform, or whoever speaks in its name, could harm a reader with.
 * What is refused goes to quarantine with a word of ours. Pure. (T7, T11, T12)
 *
 * Texts are kept exactly as they came and are rendered inert by clients, so most characters are harmless. A title with
 * markup is refused nevertheless: no product is called so, and some client will one day forget to escape.
 */
import {
  platformCategoriesMax,
  platformCategoryLengthMax,
  platformIdLengthMax,
  platformTitleLengthMax,
  platformUrlLengthMax,
  tradeFutureMsMax,
} from '../limits.ts';
import type { PlatformTrade } from '../ports/trade-platform.ts';
import { type LinkRules, safeLink } from './links.ts';

export const refusalReasons = [
  'account',
  'categories',
  'currency',
  'duplicate_id',
  'id',
  'link',
  'link_host',
  'link_scheme',
  'price',
  'time',
  'title',
  'title_markup',
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

export interface SafetyRules extends LinkRules {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The account that was polled; undefined: whose a trade is follows from the trade. */
  readonly account: string | undefined;
}

export interface Refused {
  readonly trade: PlatformTrade;
  readonly reason: RefusalReason;
}

/**
 * What breaks a line, turns round what stands beside it (bidirectional embeddings, overrides, isolates), or cannot be
 * stored: controls, separators, lone surrogates.
 */
const forbidden = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;
/** Where an HTML parser begins a tag, a comment or a declaration; `a < b` and `<3` are none. */
const markup = /<[a-z/!?]/i;
const currencyPattern = /^[A-Z]{3}$/;

/** @returns why it may not be shown; undefined: it may */
export function refusalOf(trade: PlatformTrade, rules: SafetyRules): RefusalReason | undefined {
  const { id, account, title, categories, price, currency, url, at } = trade;
  if (!isText(id, platformIdLengthMax)) return 'id';
  if (!isText(account, platformIdLengthMax)) return 'account';
  if (rules.account !== undefined && account !== rules.account) return 'account';
  if (!isText(title, platformTitleLengthMax)) return 'title';
  if (markup.test(title)) return 'title_markup';
  if (!Number.isSafeInteger(price) || price < 0) return 'price';
  if (!currencyPattern.test(currency)) return 'currency';
  if (categories.length > platformCategoriesMax) return 'categories';
  if (!categories.every((name) => name === '' || isText(name, platformCategoryLengthMax))) {
    return 'categories';
  }
  if (!Number.isSafeInteger(at) || at < 0 || at > rules.now + tradeFutureMsMax) return 'time';
  if (url.length > platformUrlLengthMax) return 'link';
  const link = safeLink(url, rules);
  return link.code === 'safe' ? undefined : link.code;
}

function isText(text: string, lengthMax: number): boolean {
  return text.length <= lengthMax && text.trim() !== '' && !forbidden.test(text);
}

/**
 * Sorts what came together. Of several with one id and account the first stands; the same again says nothing new, other
 * content under its id is refused. Links of what is safe are written as every parser reads them.
 */
export function inspect(
  trades: readonly PlatformTrade[],
  rules: SafetyRules,
): { readonly safe: readonly PlatformTrade[]; readonly refused: readonly Refused[] } {
  const safe = new Map<string, PlatformTrade>();
  const refused: Refused[] = [];
  for (const trade of trades) {
    const reason = refusalOf(trade, rules);
    if (reason !== undefined) {
      refused.push({ trade, reason });
      continue;
    }
    const key = JSON.stringify([trade.account, trade.id]);
    const first = safe.get(key);
    if (first === undefined) safe.set(key, { ...trade, url: new URL(trade.url).href });
    else if (!isSameTrade(first, trade)) refused.push({ trade, reason: 'duplicate_id' });
  }
  return { safe: [...safe.values()], refused };
}

/**
 * What a trade is known by when it comes again. Its categories and page may have moved since: that makes it no other
 * trade.
 */
export function isSameTrade(
  one: Pick<PlatformTrade, 'account' | 'title' | 'price' | 'currency'>,
  other: Pick<PlatformTrade, 'account' | 'title' | 'price' | 'currency'>,
): boolean {
  return (
    one.account === other.account &&
    one.title === other.title &&
    one.price === other.price &&
    one.currency === other.currency
  );
}
