/**
 * New card keys: everything that is sealed under an older one is sealed again under the current one, page by page:
 * cards, and secrets of accounts on trade platforms. (E17, T5)
 *
 * Safe while servers run: a row is replaced only as it was read, so a registration or an end in between wins. Begun again
 * it goes on with what is left. Older keys have to stay with the servers until nothing is left under them.
 */
import type { Pool } from 'pg';
import { rotatePageRows } from '../limits.ts';
import { secretRow } from '../trade/secrets.ts';
import { registrationRow, withdrawalRow } from './card.ts';
import { statusNumbers } from './rows.ts';
import { VaultError, type Vault } from './vault.ts';

export interface Rotated {
  /** Sealed again. */
  readonly sealed: number;
  /** Key ids of rows that do not open here. */
  readonly unreadable: readonly string[];
  /** Rows under another key: those, and what a server with an older current key has written meanwhile. */
  readonly left: number;
  /** Codes under way that follow from an older key; they end within minutes. */
  readonly codes: number;
}

interface Row {
  readonly id: string;
  readonly key: string;
  readonly nonce: Buffer;
  readonly sealed: Buffer;
  /** What the words that bind it to its row are made of, beside its id. */
  readonly owner: string;
  readonly platform: string;
  readonly account: string;
}

interface Table {
  readonly table: string;
  /** In the order of pages. */
  readonly id: string;
  readonly type: string;
  /** Where key id, nonce and text stand. */
  readonly columns: readonly [key: string, nonce: string, sealed: string];
  readonly more: string;
  readonly belongsTo: (row: Row) => string;
}

const cardColumns = ['card_key', 'card_nonce', 'card'] as const;
const nothingMore = "'' AS owner, '' AS platform, '' AS account";

/** Rows with something sealed, and the words that bind it there. */
const tables: readonly Table[] = [
  {
    table: 'registration',
    id: 'user_id',
    type: 'text',
    columns: cardColumns,
    more: nothingMore,
    belongsTo: ({ id }) => registrationRow(id),
  },
  {
    table: 'withdrawal',
    id: 'id',
    type: 'uuid',
    columns: cardColumns,
    more: nothingMore,
    belongsTo: ({ id }) => withdrawalRow(id),
  },
  {
    table: 'trade_account',
    id: 'id',
    type: 'bigint',
    columns: ['secret_key', 'secret_nonce', 'secret'],
    more: 'user_id AS owner, platform, account',
    belongsTo: ({ owner, platform, account }) => secretRow({ user_id: owner, platform, account }),
  },
];

export async function rotateSealed(pool: Pool, vault: Vault): Promise<Rotated> {
  let sealed = 0;
  const unreadable = new Set<string>();
  for (const table of tables) {
    let after: string | null = null;
    for (;;) {
      const rows = await olderRows(pool, vault, table, after);
      for (const row of rows) {
        const done = await sealAgain(pool, vault, table, row);
        if (done === 'unreadable') unreadable.add(row.key);
        else sealed += done;
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
  }
  return { sealed, unreadable: [...unreadable], ...(await older(pool, vault)) };
}

async function olderRows(
  pool: Pool,
  vault: Vault,
  { table, id, type, columns, more }: Table,
  after: string | null,
): Promise<readonly Row[]> {
  const [key, nonce, sealed] = columns;
  const { rows } = await pool.query<Row>(
    `SELECT ${id}::text AS id, ${key} AS key, ${nonce} AS nonce, ${sealed} AS sealed, ${more} FROM ${table}
     WHERE ${key} <> $1 AND ($2::${type} IS NULL OR ${id} > $2) ORDER BY ${table}.${id} LIMIT ${rotatePageRows}`,
    [vault.currentKeyId, after],
  );
  return rows;
}

/** @returns how many rows were replaced: 0 where it was changed meanwhile */
async function sealAgain(
  pool: Pool,
  vault: Vault,
  { table, id, columns, belongsTo }: Table,
  row: Row,
): Promise<number | 'unreadable'> {
  let plain: string;
  try {
    const { key: keyId, nonce, sealed: text } = row;
    plain = vault.open({ keyId, nonce, text }, belongsTo(row));
  } catch (error) {
    if (error instanceof VaultError) return 'unreadable';
    throw error;
  }
  const again = vault.seal(plain, belongsTo(row));
  const [key, nonce, sealed] = columns;
  const { rowCount } = await pool.query(
    `UPDATE ${table} SET ${key} = $2, ${nonce} = $3, ${sealed} = $4
     WHERE ${id} = $1 AND ${nonce} = $5 AND ${key} = $6`,
    [row.id, again.keyId, Buffer.from(again.nonce), Buffer.from(again.text), row.nonce, row.key],
  );
  return rowCount ?? 0;
}

async function older(
  pool: Pool,
  { currentKeyId }: Vault,
): Promise<Pick<Rotated, 'left' | 'codes'>> {
  const counts = tables.map(
    ({ table, columns: [key] }) => `(SELECT count(*) FROM ${table} WHERE ${key} <> $1)`,
  );
  const { rows } = await pool.query<{ left: number; codes: number }>(
    `SELECT (${counts.join(' + ')})::int AS left,
      (SELECT count(*) FROM withdrawal
       WHERE status = ${statusNumbers.awaiting_verification} AND code_key <> $1)::int AS codes`,
    [currentKeyId],
  );
  return rows[0] ?? { left: 0, codes: 0 };
}
