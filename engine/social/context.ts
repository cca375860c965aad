/** What the statements of the base server share: pool, clock, pages, and the transactions of its own. */
import type { Pool } from 'pg';
import { retried } from '../books/context.ts';
import { transaction } from '../store/pool.ts';
import type { Connection } from '../store/statements.ts';

export interface SocialContext {
  readonly pool: Pool;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A transaction that is run again when the server rolled it back in favour of others. */
export function write<T>(
  { pool }: SocialContext,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  return retried(() => transaction(pool, work));
}

const userIdCursor = /^[A-Za-z0-9_-]{1,86}$/;

/** Cursor of a list in the order of user ids: the last one shown. */
export function encodeUserCursor(userId: string): string {
  return Buffer.from(userId).toString('base64url');
}

/** `''` begins the list; undefined when it is not one of ours. */
export function decodeUserCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return '';
  if (!userIdCursor.test(cursor)) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

/** Cuts the row that only told that there is more. */
export function userPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  userIdOf: (row: Row) => string,
): { readonly items: readonly Item[]; readonly next: string | undefined } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: kept.map(item), next: more ? encodeUserCursor(userIdOf(last)) : undefined };
}
