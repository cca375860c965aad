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
  readonly #keywords: Keywords;

  /** @param chosen none: everything is shared; only such as the system has no more: nothing is */
  constructor(chosen: readonly SharedType[]) {
    const keywords: Keyword[] = [];
    if (chosen.length > 0)
      this.#types = knownTypes(chosen).map(({ name, criteria }, type) => {
        const { price } = criteria;
        const categories = new Set(criteria.categories?.map(folded));
        const words = (criteria.keywords ?? []).map(folded).filter((word) => word !== '');
        for (const word of words) keywords.push({ word, type });
        return { name, categories, price, isAny: categories.size === 0 && words.length === 0 };
      });
    this.#keywords = new Keywords(keywords);
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

/** Keywords of all types by how they begin, each list in the order of code units. */
class Keywords {
  readonly #byStart = new Map<number, Keyword[]>();

  constructor(keywords: readonly Keyword[]) {
    const sorted = keywords.toSorted(({ word: one }, { word: other }) =>
      one < other ? -1 : one > other ? 1 : 0,
    );
    for (const keyword of sorted) {
      const start = startAt(keyword.word, 0);
      const alike = this.#byStart.get(start);
      if (alike === undefined) this.#byStart.set(start, [keyword]);
      else alike.push(keyword);
    }
  }

  typesIn(texts: readonly string[]): ReadonlySet<number> {
    const found = new Set<number>();
    if (this.#byStart.size === 0) return found;
    for (const text of texts) {
      for (let i = 0; i < text.length; i += 1) {
        const alike = this.#byStart.get(startAt(text, i));
        if (alike !== undefined) look(alike, text, i, found);
        // Keywords of a single character.
        const single = this.#byStart.get(text.charCodeAt(i));
        if (single !== undefined) look(single, text, i, found);
      }
    }
    return found;
  }
}

/** Those that stand in the text there, however many begin alike: each character halves what is left a few times. */
function look(sorted: readonly Keyword[], text: string, i: number, found: Set<number>): void {
  let from = 0;
  let to = sorted.length;
  for (let depth = 0; ; depth += 1) {
    // What is left begins as the text does, up to here; the shortest stand first.
    for (let one = sorted[from]; from < to && one?.word.length === depth; one = sorted[from]) {
      found.add(one.type);
      from += 1;
    }
    if (from === to || i + depth >= text.length) return;
    const code = text.charCodeAt(i + depth);
    from = firstFrom(sorted, from, to, depth, code);
    to = firstFrom(sorted, from, to, depth, code + 1);
  }
}

/** The first of `from` up to `to` whose code unit at `depth` is at least `code`; `to` where none is. */
function firstFrom(
  sorted: readonly Keyword[],
  from: number,
  to: number,
  depth: number,
  code: number,
): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.word.charCodeAt(depth) ?? 0) < code) low = middle + 1;
    else high = middle;
  }
  return low;
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
