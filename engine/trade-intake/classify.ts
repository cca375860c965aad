/**
 * Which of a member's chosen types a trade belongs to: one of the type's categories or keywords, and its price. What a
 * type does not name does not count. Pure. (T7, c12, c13, ¶82–83)
 *
 * Words are compared without regard to case, width and compatibility forms, so that `ＴＶ` is `tv`. A keyword is looked for
 * anywhere in title and categories: Chinese has no gaps between words.
 */
import type { PlatformTrade } from '../ports/trade-platform.ts';
import { knownTypes } from '../trade/system-types.ts';
import type { Criteria, PriceRange, SharedType } from '../trade/types.ts';

export type Classified = Pick<PlatformTrade, 'title' | 'categories' | 'price' | 'currency'>;
type Matcher = (trade: Classified) => boolean;

/** Full case folding, as far as lower and upper case together give it, over compatibility forms. */
export function folded(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .normalize('NFKC')
    .trim();
}

/** A member's choice in one group, ready for many trades. */
export class Classifier {
  /** Undefined: everything is shared. */
  readonly #types: readonly { readonly name: string; readonly isMatch: Matcher }[] | undefined;

  /** @param chosen none: everything is shared; only such as the system has no more: nothing is */
  constructor(chosen: readonly SharedType[]) {
    this.#types =
      chosen.length === 0
        ? undefined
        : knownTypes(chosen).map(({ name, criteria }) => ({ name, isMatch: matcher(criteria) }));
  }

  /** @returns names of the types it belongs to, in the order chosen; undefined: it is not shared */
  typesOf(trade: Classified): readonly string[] | undefined {
    if (this.#types === undefined) return [];
    const words = {
      ...trade,
      title: folded(trade.title),
      categories: trade.categories.map(folded),
    };
    const names = this.#types.filter(({ isMatch }) => isMatch(words)).map(({ name }) => name);
    return names.length === 0 ? undefined : names;
  }
}

/** Of trades whose words are folded. */
function matcher({ categories = [], keywords = [], price }: Criteria): Matcher {
  const names = new Set(categories.map(folded));
  const words = keywords.map(folded).filter((word) => word !== '');
  const isNone = names.size === 0 && words.length === 0;
  const isOfIt: Matcher = (trade) =>
    isNone ||
    trade.categories.some((category) => names.has(category)) ||
    words.some((word) => [trade.title, ...trade.categories].some((text) => text.includes(word)));
  return (trade) => isWithin(trade, price) && isOfIt(trade);
}

function isWithin(trade: Classified, range: PriceRange | undefined): boolean {
  if (range === undefined) return true;
  const { min = 0, max = Infinity, currency = trade.currency } = range;
  return trade.currency === currency && trade.price >= min && trade.price <= max;
}
