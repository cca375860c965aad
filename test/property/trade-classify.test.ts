/** Trades and the types that members chose: shared only where one matches. (T6, T7, c12, c13, ¶82–83) */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  platformPageTrades,
  platformTitleLengthMax,
  sharedGroupsMax,
  sharedTypesMax,
  typeWordsMax,
} from '../../engine/limits.ts';
import { folded } from '../../engine/trade/folding.ts';
import type { Criteria, SharedType } from '../../engine/trade/types.ts';
import { type Classified, Classifier, foldedTrade } from '../../engine/trade-intake/classify.ts';

const phone = {
  title: 'Smart-Phone 12',
  categories: ['Electronics'],
  price: 399_900,
  currency: 'CNY',
};
const names = (types: readonly SharedType[], trade: Classified = phone) =>
  new Classifier(types).typesOf(foldedTrade(trade));
const type = (criteria: Criteria, name = 'own') => [{ name, criteria }];

test('T7: without chosen types everything is shared', () => {
  expect(names([])).toEqual([]);
});

test('T7, ¶83: with electronics chosen, food is not shared', () => {
  const electronics = [{ name: 'electronics' }];
  expect(names(electronics)).toEqual(['electronics']);
  const bread = { title: '面包', categories: ['食品'], price: 900, currency: 'CNY' };
  expect(names(electronics, bread)).toBeUndefined();
});

test.each([
  [{ categories: ['ELECTRONICS'] }, true],
  [{ categories: ['Ｅｌｅｃｔｒｏｎｉｃｓ'] }, true],
  [{ categories: ['electronic'] }, false],
  [{ keywords: ['PHONE'] }, true],
  [{ keywords: ['ｐｈｏｎｅ 12'] }, true],
  [{ keywords: ['tablet'] }, false],
  [{ keywords: [''] }, true],
  [{ categories: ['food'], keywords: ['phone'] }, true],
  [{ categories: ['electronics'], keywords: ['bread'] }, true],
  [{ categories: ['food'], keywords: ['bread'] }, false],
  [{ price: { min: 399_900, max: 399_900, currency: 'CNY' } }, true],
  [{ price: { min: 399_901, currency: 'CNY' } }, false],
  [{ price: { max: 399_899, currency: 'CNY' } }, false],
  [{ price: { min: 1, currency: 'USD' } }, false],
  [{ categories: ['electronics'], price: { max: 100, currency: 'CNY' } }, false],
  [{ price: { min: 1 } }, true],
  [{ keywords: ['electron'] }, true],
  [{}, true],
] as const)('T7: %j: %s', (criteria, isShared) => {
  expect(names(type(criteria))).toEqual(isShared ? ['own'] : undefined);
});

test('T7: types that the system has no more share nothing', () => {
  expect(names([{ name: 'phrenology' }])).toBeUndefined();
  expect(names([{ name: 'phrenology' }, { name: 'electronics' }])).toEqual(['electronics']);
});

test('T7: every type that matches is named, in the order chosen', () => {
  const types = [
    ...type({ keywords: ['phone'] }, 'b'),
    ...type({ keywords: ['bread'] }, 'x'),
    ...type({ categories: ['electronics'] }, 'a'),
  ];
  expect(names(types)).toEqual(['b', 'a']);
});

test.each([
  ['Straße', 'STRASSE'],
  ['ΟΔΟΣ', 'οδος'],
  ['ﬁne', 'FINE'],
  ['ＡＢＣ', 'abc'],
  ['①', '1'],
])('%s is %s', (one, other) => {
  expect(folded(one)).toBe(folded(other));
});

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });

test('folding knows no case, and folding again changes nothing', () => {
  fc.assert(
    fc.property(word, (text) => {
      expect(folded(folded(text))).toBe(folded(text));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      expect(folded(text.toUpperCase())).toBe(folded(text.toLowerCase()));
    }),
  );
});

const trade = fc.record({
  title: fc.string({ unit: 'grapheme', maxLength: 30 }),
  categories: fc.array(word, { maxLength: 3 }),
  price: fc.nat(1_000),
  currency: fc.constantFrom('CNY', 'USD'),
});
const anyType = fc.record({
  name: word,
  criteria: fc.record(
    {
      categories: fc.array(word, { maxLength: 3 }),
      keywords: fc.array(word, { maxLength: 3 }),
      price: fc.record(
        { min: fc.nat(1_000), max: fc.nat(1_000), currency: fc.constantFrom('CNY', 'USD') },
        { requiredKeys: ['currency'] },
      ),
    },
    { requiredKeys: [] },
  ),
});

test('T7: what matches is the union of what each type matches alone', () => {
  fc.assert(
    fc.property(trade, fc.array(anyType, { minLength: 1, maxLength: 5 }), (given, types) => {
      const alone = types.flatMap((one) => names([one], given) ?? []);
      expect(names(types, given)).toEqual(alone.length === 0 ? undefined : alone);
    }),
  );
});

test('T7: a category or a piece of the title is found, in whatever case', () => {
  fc.assert(
    fc.property(trade, word, fc.boolean(), (given, piece, isUpper) => {
      const written = isUpper ? piece.toUpperCase() : piece.toLowerCase();
      const titled = { ...given, title: `${given.title} ${piece} ${given.title}` };
      expect(names(type({ keywords: [written] }), titled)).toEqual(['own']);
      const listed = { ...given, categories: [...given.categories, piece] };
      expect(names(type({ categories: [written] }), listed)).toEqual(['own']);
    }),
  );
});

test('T7: keywords that begin alike, overlap, are one character, or hold no character at all', () => {
  const types = ['ab', 'abc', 'abd', 'b', '手', '手机', '机壳', '😀'].map((keyword) => ({
    name: keyword,
    criteria: { keywords: [keyword] },
  }));
  const titled = (title: string) => names(types, { ...phone, title, categories: [] });
  expect(titled('xabcx')).toEqual(['ab', 'abc', 'b']);
  expect(titled('手机壳')).toEqual(['手', '手机', '机壳']);
  expect(titled('a 😀')).toEqual(['😀']);
  expect(titled('a')).toBeUndefined();
  // What stands in two categories, or in title and category, is not beside each other.
  const split = { ...phone, title: 'a', categories: ['bd', 'c'] };
  expect(names([{ name: 'x', criteria: { keywords: ['ab', 'dc', 'bdc'] } }], split)).toBe(
    undefined,
  );
});

test('T7: a keyword is found wherever the text holds it, and nowhere else', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '手', '机'), maxLength: 12 });
  const keyword = fc.string({
    unit: fc.constantFrom('a', 'b', '手', '机'),
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(text, fc.array(keyword, { minLength: 1, maxLength: 6 }), (title, keywords) => {
      const types = keywords.map((one) => ({ name: one, criteria: { keywords: [one] } }));
      const found = keywords.filter((one) => title.includes(one));
      const given = { ...phone, title, categories: [] };
      expect(names(types, given)).toEqual(found.length === 0 ? undefined : found);
    }),
  );
});

test('T7: the most that a member may ask for costs a page of trades little in all groups', () => {
  const groups = Array.from(
    { length: sharedGroupsMax },
    (_, group) =>
      new Classifier(
        Array.from({ length: sharedTypesMax }, (__, i) => ({
          name: `t${i}`,
          criteria: {
            keywords: Array.from({ length: typeWordsMax }, (___, k) => `${k} ${i} ${group} ware`),
          },
        })),
      ),
  );
  const title = 'A plain thing of everyday use, 100 pieces, blue, with a lid that closes well';
  const page = Array.from({ length: platformPageTrades }, (_, i) => ({
    ...phone,
    title: `${title} ${i}`,
    categories: ['home', 'kitchen things'],
  }));
  // Keywords that all begin as the titles do.
  const alike = new Classifier(
    Array.from({ length: sharedTypesMax }, (_, i) => ({
      name: `t${i}`,
      criteria: {
        keywords: Array.from({ length: typeWordsMax }, (__, k) => `${'a'.repeat(60)} ${i} ${k}`),
      },
    })),
  );
  const alikeTitle = { ...phone, title: 'a'.repeat(platformTitleLengthMax), categories: [] };
  const begun = performance.now();
  for (let i = 0; i < 100; i += 1) expect(alike.typesOf(foldedTrade(alikeTitle))).toBeUndefined();
  for (const one of page) {
    const words = foldedTrade(one);
    for (const group of groups) expect(group.typesOf(words) === undefined).toBe(true);
  }
  // 17 s where each keyword is looked for in each text.
  expect(performance.now() - begun).toBeLessThan(3_000);
});
