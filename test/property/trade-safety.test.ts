/** What may be shown of what platforms send: malicious trades, and anything at all. (T7, T11, T12) */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tradeFutureMsMax } from '../../engine/limits.ts';
import type { PlatformTrade } from '../../engine/ports/trade-platform.ts';
import { safeLink } from '../../engine/trade-intake/links.ts';
import {
  inspect,
  isSameTrade,
  refusalOf,
  refusalReasons,
  type SafetyRules,
} from '../../engine/trade-intake/safety.ts';

const now = 1_800_000_000_000;
const rules: SafetyRules = { now, account: 'alice', linkHosts: ['item.example'], sandbox: false };
const good: PlatformTrade = {
  id: 'T-1',
  account: 'alice',
  title: '耳机 "Headphones" & more < 5 <3',
  categories: ['electronics', ''],
  price: 12_900,
  currency: 'CNY',
  url: 'https://item.example/1?x=1',
  at: now,
};

test('a good trade may be shown, as it came', () => {
  expect(refusalOf(good, rules)).toBeUndefined();
  expect(inspect([good], rules)).toEqual({ safe: [good], refused: [] });
});

const texts = [
  '',
  ' ',
  'a\u0000b',
  'a\nb',
  'a\u202Eb',
  'a\u2066b',
  'a\u2028b',
  'a\uD800b',
  '\u0085',
];
const cases: readonly (readonly [string, Partial<PlatformTrade>, string])[] = [
  ['a price below zero', { price: -1 }, 'price'],
  ['a price that no integer holds', { price: 2 ** 53 }, 'price'],
  ['a price that is none', { price: Number.NaN }, 'price'],
  ['a broken price', { price: 12.9 }, 'price'],
  ['a currency in words', { currency: 'yuan' }, 'currency'],
  ['a currency in lower case', { currency: 'cny' }, 'currency'],
  ['a currency with a line break', { currency: 'CNY\n' }, 'currency'],
  ['a script in the title', { title: '<script>alert(1)</script>' }, 'title_markup'],
  ['an image in the title', { title: 'x <IMG src=x onerror=alert(1)>' }, 'title_markup'],
  ['a comment in the title', { title: 'x <!-- ' }, 'title_markup'],
  ['the end of a tag in the title', { title: '</textarea>' }, 'title_markup'],
  ['a title that is too long', { title: 'x'.repeat(501) }, 'title'],
  ["another member's account", { account: 'bob' }, 'account'],
  ['an account in another case', { account: 'Alice' }, 'account'],
  ['too many categories', { categories: Array.from({ length: 33 }, () => 'c') }, 'categories'],
  ['a category that is too long', { categories: ['x'.repeat(101)] }, 'categories'],
  ['a time in the future', { at: now + tradeFutureMsMax + 1 }, 'time'],
  ['a time before all times', { at: -1 }, 'time'],
  ['a time that is none', { at: Number.NaN }, 'time'],
  ['a link of a script', { url: 'javascript:alert(1)' }, 'link_scheme'],
  ['a link of data', { url: 'data:text/html,<script>' }, 'link_scheme'],
  ['a link without TLS', { url: 'http://item.example/1' }, 'link_scheme'],
  ['a link to a file', { url: 'file:///etc/passwd' }, 'link_scheme'],
  ['a link to another host', { url: 'https://evil.example/1' }, 'link_host'],
  ['a link to a host below', { url: 'https://a.item.example/1' }, 'link_host'],
  ['a link to a host behind', { url: 'https://item.example.evil.example/' }, 'link_host'],
  ['a link to another port', { url: 'https://item.example:8443/' }, 'link_host'],
  ['a link with a user name', { url: 'https://item.example@evil.example/' }, 'link'],
  ['a link with a password', { url: 'https://a:b@item.example/' }, 'link'],
  ['a link without a host', { url: '/1' }, 'link'],
  ['a link that is too long', { url: `https://item.example/${'x'.repeat(2_048)}` }, 'link'],
  ...texts.map((title) => ['a title that breaks out', { title }, 'title'] as const),
  ...texts.map((id) => ['an id that breaks out', { id }, 'id'] as const),
  ...texts.slice(2).map((text) => ['a category', { categories: [text] }, 'categories'] as const),
];
test.each(cases)('%s is refused: %j', (_what, part, reason) => {
  const trade = { ...good, ...part };
  expect(refusalOf(trade, rules)).toBe(reason);
  expect(inspect([trade, { ...good, id: 'T-2' }], rules)).toEqual({
    safe: [{ ...good, id: 'T-2' }],
    refused: [{ trade, reason }],
  });
});

describe('duplicates in a page', () => {
  test('the same again is no news, and other content is refused', () => {
    const again = { ...good, categories: [], url: 'https://item.example/elsewhere' };
    const other = { ...good, price: 1 };
    expect(inspect([good, again, other, good], rules)).toEqual({
      safe: [good],
      refused: [{ trade: other, reason: 'duplicate_id' }],
    });
  });

  test('what is refused takes no place from what is good', () => {
    const bad = { ...good, price: -1 };
    expect(inspect([bad, good], rules).safe).toEqual([good]);
  });

  test('ids of other accounts are others, where a push brings several', () => {
    const bobs = { ...good, account: 'bob', price: 1 };
    expect(inspect([good, bobs], { ...rules, account: undefined }).safe).toEqual([good, bobs]);
  });
});

test('links of the sandbox may be plain and have ports, and lead to its hosts only', () => {
  const sandbox = { linkHosts: ['127.0.0.1'], sandbox: true };
  expect(safeLink('http://127.0.0.1:8080/1', sandbox).code).toBe('safe');
  expect(safeLink('http://127.0.0.2:8080/1', sandbox).code).toBe('link_host');
  expect(safeLink('ftp://127.0.0.1/', sandbox).code).toBe('link_scheme');
});

test.each([
  ['HTTPS://ITEM.example/a b', 'https://item.example/a%20b'],
  ['https://item.example\\@evil.example/', 'https://item.example/@evil.example/'],
  ['https://item.example/\n1', 'https://item.example/1'],
  ['https://ıtem.example/', undefined],
  ['https://item.example./', 'https://item.example./'],
])('%j is read as every parser reads it', (text, url) => {
  const link = safeLink(text, rules);
  expect(link.code === 'safe' ? link.url : undefined).toBe(url);
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('<b>', '\u0000', 'x', 'T-1', '价'),
);
const anyTrade = fc.record({
  id: fc.oneof(fc.constantFrom('T-1', 'T-2'), anyText),
  account: fc.oneof(fc.constantFrom('alice', 'bob'), anyText),
  title: fc.oneof(fc.constant('Phone'), anyText),
  categories: fc.array(anyText, { maxLength: 40 }),
  price: fc.oneof(fc.constant(100), fc.integer(), fc.double()),
  currency: fc.oneof(fc.constant('CNY'), anyText),
  url: fc.oneof(fc.constant('https://item.example/1'), fc.webUrl(), anyText),
  at: fc.oneof(fc.constant(now), fc.integer(), fc.double()),
});

test('whatever comes: each is safe, refused with a word, or the same as one that is safe', () => {
  fc.assert(
    fc.property(fc.array(anyTrade, { maxLength: 12 }), (trades) => {
      const { safe, refused } = inspect(trades, rules);
      for (const trade of safe) {
        expect(refusalOf(trade, rules)).toBeUndefined();
        expect(new URL(trade.url).hostname).toBe('item.example');
        expect(trade.account).toBe('alice');
        expect(trade.title.isWellFormed()).toBe(true);
        expect(trade.title).not.toMatch(/<[a-z]|\p{Cc}/iu);
      }
      expect(new Set(safe.map(({ id }) => id)).size).toBe(safe.length);
      for (const { reason } of refused) expect(refusalReasons).toContain(reason);
      for (const trade of trades) {
        const isKept = safe.some((one) => one.id === trade.id && isSameTrade(one, trade));
        const isRefused = refused.some((one) => one.trade === trade);
        expect([isKept && refusalOf(trade, rules) === undefined, isRefused]).toContain(true);
      }
    }),
    { numRuns: 500 },
  );
});
