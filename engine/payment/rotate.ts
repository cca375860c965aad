/**
 * New card keys: everything that is sealed under an older one is sealed again under the current one, page by page. (E17)
 *
 * Safe while servers run: a row is replaced only as it was read, so a registration or an end in between wins. Begun again
 * it goes on with what is left. Older keys have to stay with the servers until nothing is left under them.
 */
import type { Pool } from 'pg';
import { rotatePageRows } from '../limits.ts';
import { registrationRow, withdrawalRow } from './card.ts';
import { sealedOf, statusNumbers, type SealedColumns } from './rows.ts';
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

interface Row extends SealedColumns {
  readonly id: string;
}

/** Rows with cards: their key column in the order of pages, and the words that bind a card to its row. */
const tables = [
  { table: 'registration', id: 'user_id', type: 'text', belongsTo: registrationRow },
  { table: 'withdrawal', id: 'id', type: 'uuid', belongsTo: withdrawalRow },
] as const;

export async function rotateCards(pool: Pool, vault: Vault): Promise<Rotated> {
  let sealed = 0;
  const unreadable = new Set<string>();
  for (const table of tables) {
    let after: string | null = null;
    for (;;) {
      const rows = await olderRows(pool, vault, table, after);
      for (const row of rows) {
        const done = await sealAgain(pool, vault, table, row);
        if (done === 'unreadable') unreadable.add(row.card_key);
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
  { table, id, type }: (typeof tables)[number],
  after: string | null,
): Promise<readonly Row[]> {
  const { rows } = await pool.query<Row>(
    `SELECT ${id}::text AS id, card_key, card_nonce, card FROM ${table}
     WHERE card_key <> $1 AND ($2::${type} IS NULL OR ${id} > $2) ORDER BY ${table}.${id} LIMIT ${rotatePageRows}`,
    [vault.currentKeyId, after],
  );
  return rows;
}

/** @returns how many rows were replaced: 0 where it was changed meanwhile */
async function sealAgain(
  pool: Pool,
  vault: Vault,
  { table, id, belongsTo }: (typeof tables)[number],
  row: Row,
): Promise<number | 'unreadable'> {
  let plain: string;
  try {
    plain = vault.open(sealedOf(row), belongsTo(row.id));
  } catch (error) {
    if (error instanceof VaultError) return 'unreadable';
    throw error;
  }
  const sealed = vault.seal(plain, belongsTo(row.id));
  const { rowCount } = await pool.query(
    `UPDATE ${table} SET card_key = $2, card_nonce = $3, card = $4
     WHERE ${id} = $1 AND card_nonce = $5 AND card_key = $6`,
    [
      row.id,
      sealed.keyId,
      Buffer.from(sealed.nonce),
      Buffer.from(sealed.text),
      row.card_nonce,
      row.card_key,
    ],
  );
  return rowCount ?? 0;
}

async function older(
  pool: Pool,
  { currentKeyId }: Vault,
): Promise<Pick<Rotated, 'left' | 'codes'>> {
  const { rows } = await pool.query<{ left: number; codes: number }>(
    `SELECT ((SELECT count(*) FROM registration WHERE card_key <> $1)
        + (SELECT count(*) FROM withdrawal WHERE card_key <> $1))::int AS left,
      (SELECT count(*) FROM withdrawal
       WHERE status = ${statusNumbers.awaiting_verification} AND code_key <> $1)::int AS codes`,
    [currentKeyId],
  );
  return rows[0] ?? { left: 0, codes: 0 };
}
