import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError } from '../../engine/environment.ts';
import { cardKeysOf, parseCardKeys, type CardKeySource } from '../../engine/payment/card-keys.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hongbao-card-keys-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const text = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const key = (id: string, fill: number) => ({ id, key: new Uint8Array(32).fill(fill) });
const source = (more: Partial<CardKeySource> = {}): CardKeySource => ({
  dataDir,
  databaseUrl: undefined,
  cardKeys: undefined,
  cardKeysFile: undefined,
  ...more,
});

test('as text, one per line, or as JSON; the first is the current one', () => {
  const both = [key('2', 2), key('1', 1)];
  expect(parseCardKeys(`2:${text(2)},1:${text(1)}`, 'CARD_KEYS')).toEqual(both);
  expect(parseCardKeys(`2:${text(2)}\n1:${text(1)}\n`, 'CARD_KEYS_FILE')).toEqual(both);
  const json = JSON.stringify([
    { id: '2', key: text(2) },
    { id: '1', key: text(1) },
  ]);
  expect(parseCardKeys(json, 'CARD_KEYS')).toEqual(both);
});

test.each([
  '',
  'k1',
  `k1:${Buffer.alloc(31).toString('base64')}`,
  `k1:${Buffer.alloc(33).toString('base64')}`,
  `:${text(1)}`,
  `k 1:${text(1)}`,
  `k1:${text(1)},k1:${text(2)}`,
  '[',
  '[]',
  '[1]',
  '{"k1": "x"}',
])('%j is refused in one line that shows no key', (given) => {
  try {
    parseCardKeys(given, 'CARD_KEYS');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message.startsWith('CARD_KEYS ')).toBe(true);
    expect(message).not.toContain('\n');
    expect(message).not.toContain(text(1));
    return;
  }
  throw new Error('not refused');
});

test('embedded mode makes a key once and keeps it to itself', async () => {
  const together = await Promise.all([1, 2, 3].map(() => cardKeysOf(source())));
  expect(new Set(together.map((keys) => JSON.stringify(keys))).size).toBe(1);
  expect(together[0]).toHaveLength(1);
  const file = join(dataDir, 'card-keys');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await chmod(file, 0o644);
  await expect(cardKeysOf(source())).rejects.toThrow(/^CARD_KEYS .*chmod 600/);
});

test('what is given comes first; with a database of its own there is no key by itself', async () => {
  const databaseUrl = 'postgres://db/hongbao';
  expect(await cardKeysOf(source({ databaseUrl }))).toBeUndefined();
  const given = [key('k', 3)];
  expect(await cardKeysOf(source({ databaseUrl, cardKeys: given }))).toEqual(given);
  const cardKeysFile = join(dataDir, 'keys');
  await writeFile(cardKeysFile, `k:${text(3)}\n`);
  expect(await cardKeysOf(source({ databaseUrl, cardKeysFile }))).toEqual(given);
  const missing = source({ cardKeysFile: join(dataDir, 'gone') });
  await expect(cardKeysOf(missing)).rejects.toThrow(/^CARD_KEYS_FILE cannot be read/);
  await expect(readFile(join(dataDir, 'card-keys'))).rejects.toThrow('ENOENT');
});
