/** Where card keys come from: CARD_KEYS, CARD_KEYS_FILE, or a file of the embedded mode's own. (E17) */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileDurably } from '../embedded/files.ts';
import { ConfigError } from '../environment.ts';
import { cardKeyBytes, type CardKey } from './vault.ts';

const idPattern = /^[A-Za-z0-9_.-]{1,32}$/;
const base64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * Keys as an operator writes them, the current one first: `id:base64,id:base64` (in a file also one per line), or JSON,
 * `[{"id": "…", "key": "…"}]`. (No JSON object: its order would not be the operator's where ids are numbers.)
 *
 * @throws ConfigError that shows nothing of a key
 */
export function parseCardKeys(text: string, variable: string): readonly CardKey[] {
  const pairs = text.trim().startsWith('[') ? pairsOfJson(text, variable) : pairsOfText(text);
  const keys = pairs.map(({ id, key }, i) => {
    const bytes = base64.test(key) ? Buffer.from(key, 'base64url') : Buffer.alloc(0);
    if (!idPattern.test(id) || bytes.length !== cardKeyBytes) {
      throw new ConfigError(
        variable,
        `must hold id:base64 of ${cardKeyBytes} bytes for each key; number ${i + 1} does not`,
      );
    }
    return { id, key: new Uint8Array(bytes) };
  });
  if (keys.length === 0) throw new ConfigError(variable, 'holds no key');
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new ConfigError(variable, 'names two keys with one id');
  }
  return keys;
}

interface Pair {
  readonly id: string;
  readonly key: string;
}

function pairsOfText(text: string): Pair[] {
  const parts = text.split(/[,\s]+/).filter((part) => part !== '');
  return parts.map((part) => {
    const colon = part.indexOf(':');
    return { id: part.slice(0, Math.max(colon, 0)), key: part.slice(colon + 1) };
  });
}

function pairsOfJson(text: string, variable: string): Pair[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new ConfigError(variable, 'begins like JSON and is none');
  }
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    const { id, key } = (item ?? {}) as Partial<Record<keyof Pair, unknown>>;
    return { id: typeof id === 'string' ? id : '', key: typeof key === 'string' ? key : '' };
  });
}

/** What `cardKeysOf` reads of the configuration. */
export interface CardKeySource {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly cardKeys: readonly CardKey[] | undefined;
  readonly cardKeysFile: string | undefined;
}

/**
 * The keys of this process, the current one first. Undefined: with a database of its own and no keys given, the product
 * runs without withdrawals.
 *
 * @throws ConfigError when a file is missing or damaged
 */
export async function cardKeysOf(source: CardKeySource): Promise<readonly CardKey[] | undefined> {
  if (source.cardKeys !== undefined) return source.cardKeys;
  if (source.cardKeysFile !== undefined) return keysIn(source.cardKeysFile);
  return source.databaseUrl === undefined ? keptCardKeys(source.dataDir) : undefined;
}

async function keysIn(file: string): Promise<readonly CardKey[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new ConfigError('CARD_KEYS_FILE', `cannot be read: ${file}`);
  }
  return parseCardKeys(text, 'CARD_KEYS_FILE');
}

/** The embedded mode's key: made once, then kept in `<dataDir>/card-keys`, readable by this user only. */
async function keptCardKeys(dataDir: string): Promise<readonly CardKey[]> {
  const file = join(dataDir, 'card-keys');
  await mkdir(dataDir, { recursive: true });
  await createFileDurably(file, `k1:${randomBytes(cardKeyBytes).toString('base64')}\n`, 0o600);
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ConfigError('CARD_KEYS', `in ${file} can be read by others: chmod 600 it`);
  }
  return parseCardKeys(await readFile(file, 'utf8'), 'CARD_KEYS');
}
