/** TRADE_PLATFORMS, and decimals as minor units. (T5) */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EnvironmentReader } from '../../engine/environment.ts';
import { readTradePlatforms } from '../../engine/trade-http/config.ts';
import { minorUnits } from '../../engine/trade-http/minor-units.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';

const good = { name: 'shop', kind: 'woocommerce', url: 'https://shop.example/' };
const secret = 'a secret of sixteen or more';
const read = (value: unknown) =>
  readTradePlatforms(
    new EnvironmentReader({
      TRADE_PLATFORMS: typeof value === 'string' ? value : JSON.stringify(value),
    }),
  );

test('not given: no platforms; defaults; a file', () => {
  expect(readTradePlatforms(new EnvironmentReader({}))).toEqual([]);
  const [platform] = read([good]);
  expect(platform).toMatchObject({
    title: 'shop',
    url: 'https://shop.example',
    linkHosts: ['shop.example'],
    paths: ['poll'],
    pollIntervalSeconds: 60,
    sandbox: false,
  });
  const folder = mkdtempSync(join(tmpdir(), 'platforms-'));
  const file = join(folder, 'platforms.json');
  writeFileSync(file, JSON.stringify([good]));
  expect(read(file)).toEqual([platform]);
  rmSync(folder, { recursive: true });
});

test.each([
  ['[', 'is no valid JSON'],
  ['/nowhere/platforms.json', 'the name of a file'],
  [[{ ...good, name: 'Shop' }], '0.name'],
  [[{ ...good, extra: 1 }], 'extra'],
  [[{ ...good, kind: 'ebay' }], '0.kind'],
  [[good, good], 'twice'],
  [[{ ...good, url: 'http://shop.example' }], 'https://'],
  [[{ ...good, url: 'https://10.0.0.1' }], 'private'],
  [[{ ...good, url: 'https://[::ffff:10.0.0.1]' }], 'private'],
  [[{ ...good, url: 'https://user:hidden@shop.example' }], 'user name'],
  [[{ ...good, paths: ['push'], token: `key:${secret}` }], 'webhookSecret'],
  [[{ ...good, paths: ['push'], webhookSecret: secret }], 'token'],
  [[{ ...good, paths: ['same'] }], 'webhookSecret'],
  [[{ ...good, token: secret }], 'key:secret'],
  [[{ ...good, webhookSecret: 'short' }], '0.webhookSecret'],
  [
    ['a', 'b'].map((name) => ({ ...good, name, paths: ['same'], webhookSecret: secret })),
    'webhookSecret of another',
  ],
  [[{ ...good, pollIntervalSeconds: 0 }], '0.pollIntervalSeconds'],
])('wrong: %j', (value, says) => {
  expect(() => read(value)).toThrow(says);
  expect(() => read(value)).toThrow(/^TRADE_PLATFORMS /);
  expect(() => read(value)).not.toThrow(/hidden|sixteen/);
});

test('what members are shown holds nothing secret', () => {
  const configs = read([{ ...good, token: `key:${secret}`, webhookSecret: secret }]);
  const platforms = tradePlatforms(configs, { publicUrl: 'https://us.example', now: Date.now });
  const shown = JSON.stringify(platforms.list);
  expect(shown).not.toContain(secret);
  expect(platforms.info('shop')?.paths).toEqual(['poll']);
  expect(platforms.get('other')).toBeUndefined();
});

test.each([
  ['12.90', 'CNY', 1_290],
  ['12.9', 'CNY', 1_290],
  ['12', 'CNY', 1_200],
  ['0.01', 'USD', 1],
  ['-3.50', 'EUR', -350],
  ['-0.00', 'EUR', 0],
  ['1200', 'JPY', 1_200],
  ['1200.00', 'JPY', 1_200],
  ['1200.50', 'JPY', undefined],
  ['1.234', 'KWD', 1_234],
  ['1.234', 'CNY', undefined],
  ['1.230', 'CNY', 123],
  ['90071992547409.91', 'CNY', Number.MAX_SAFE_INTEGER],
  ['90071992547409.92', 'CNY', undefined],
  ['1e3', 'CNY', undefined],
  ['1,50', 'CNY', undefined],
  ['', 'CNY', undefined],
  ['.5', 'CNY', undefined],
  ['NaN', 'CNY', undefined],
  ['０.50', 'CNY', undefined],
])('%s %s is %s', (text, currency, units) => expect(minorUnits(text, currency)).toBe(units));

test('every amount with two places comes back exactly', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (units) => {
      const digits = String(Math.abs(units)).padStart(3, '0');
      const text = `${units < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
      expect(minorUnits(text, 'CNY')).toBe(units);
    }),
  );
});
