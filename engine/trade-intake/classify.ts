/**
 * Which of a member's chosen types a trade belongs to: one of the type's categories or keywords, and its price. What a
 * type does not name does not count. Pure. (T7, c12, c13, ¶82–83)
 *
 * Words are compared folded, see engine/trade/folding.ts. A keyword is looked for anywhere in title and categories: Chinese
 * has no gaps between words. It is done under the locks of the groups, for thousands of keywords in each of them: so a
 * trade is folded once, and a text is gone through once for all keywords of a member, not once for each.
 */
import type { PlatformTrade } from '../ports/trade-platform.ts';
import { folded } from '../trade/folding.ts';
import { knownTypes } from '../trade/system-types.ts';
import type { PriceRange, SharedType } from '../trade/types.ts';

export type Classified = Pick<PlatformTrade, 'title' | 'categories' | 'price' | 'currency'>;

/** A trade with its words folded. */
export interface FoldedTrade {
  readonly price: number;
  readonly currency: string;
  readonly categories: readonly string[];
  /** Title and categories. */
  readonly texts: readonly string[];
}

export function foldedTrade({ title, categories, price, currency }: Classified): FoldedTrade {
  const names = categories.map(folded);
  return { price, currency, categories: names, texts: [folded(title), ...names] };
}

interface ReadyType {
  readonly name: string;
  readonly categories: ReadonlySet<string>;
  readonly price: PriceRange | undefined;
  /** Neither categories nor keywords: the price alone decides. */
  readonly isAny: boolean;
}

/** A member's choice in one group, ready for many trades. */
export class Classifier {
  /** Undefined: everything is shared. */
  readonly #types: readonly ReadyType[] | undefined;
  readonly #keywords = new Keywords();

  /** @param chosen none: everything is shared; only such as the system has no more: nothing is */
  constructor(chosen: readonly SharedType[]) {
    if (chosen.length === 0) return;
    this.#types = knownTypes(chosen).map(({ name, criteria }, type) => {
      const { price } = criteria;
      const categories = new Set(criteria.categories?.map(folded));
      const words = (criteria.keywords ?? []).map(folded).filter((word) => word !== '');
      for (const word of words) this.#keywords.add(word, type);
      return { name, categories, price, isAny: categories.size === 0 && words.length === 0 };
    });
  }

  /** @returns names of the types it belongs to, in the order chosen; undefined: it is not shared */
  typesOf(trade: FoldedTrade): readonly string[] | undefined {
    if (this.#types === undefined) return [];
    const named = this.#keywords.typesIn(trade.texts);
    const names = this.#types
      .filter(
        ({ categories, price, isAny }, type) =>
          isWithin(trade, price) &&
          (isAny || named.has(type) || trade.categories.some((name) => categories.has(name))),
      )
      .map(({ name }) => name);
    return names.length === 0 ? undefined : names;
  }
}

interface Keyword {
  readonly word: string;
  readonly type: number;
}

/** Keywords of all types by how they begin. */
class Keywords {
  readonly #byStart = new Map<number, Keyword[]>();

  add(word: string, type: number): void {
    const start = startAt(word, 0);
    const alike = this.#byStart.get(start);
    if (alike === undefined) this.#byStart.set(start, [{ word, type }]);
    else alike.push({ word, type });
  }

  typesIn(texts: readonly string[]): ReadonlySet<number> {
    const found = new Set<number>();
    if (this.#byStart.size === 0) return found;
    for (const text of texts) {
      for (let i = 0; i < text.length; i += 1) {
        this.#look(text, i, startAt(text, i), found);
        // Keywords of a single character.
        this.#look(text, i, text.charCodeAt(i), found);
      }
    }
    return found;
  }

  #look(text: string, i: number, start: number, found: Set<number>): void {
    for (const { word, type } of this.#byStart.get(start) ?? []) {
      if (!found.has(type) && text.startsWith(word, i)) found.add(type);
    }
  }
}

const unit = 0x1_0000;

/** The two code units there as one number; the last one alone is itself. */
function startAt(text: string, i: number): number {
  const first = text.charCodeAt(i);
  return i + 1 < text.length ? (text.charCodeAt(i + 1) + 1) * unit + first : first;
}

function isWithin(trade: FoldedTrade, range: PriceRange | undefined): boolean {
  if (range === undefined) return true;
  const { min = 0, max = Infinity, currency = trade.currency } = range;
  return trade.currency === currency && trade.price >= min && trade.price <= max;
}
