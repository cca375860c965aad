/** A user's accounts and ledger entries. (E4, E14) */
import {
  entryKinds,
  escrowAccount,
  operatorAccount,
  userAccount,
  type EntryKind,
} from '../store/ledger.ts';
import type { BooksContext } from './context.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import type { AccountView, EntryView, Page } from './types.ts';

/** See `Books.accounts`; by asset. */
export async function accounts(
  { pool }: BooksContext,
  userId: string,
): Promise<readonly AccountView[]> {
  const { rows } = await pool.query<AccountView>({
    name: 'accounts',
    text: 'SELECT asset, balance, held FROM account WHERE owner = $1 ORDER BY asset',
    values: [userAccount(userId)],
  });
  return rows;
}

interface EntryRow {
  readonly id: string;
  readonly at: number;
  readonly amount: number;
  readonly kind: number;
  readonly batch: string | null;
}

/** See `Books.entries`; newest first. */
export async function entries(
  { pool }: BooksContext,
  userId: string,
  asset: string,
  cursor: string | undefined,
  limit: number,
): Promise<({ readonly code: 'page' } & Page<EntryView>) | { readonly code: 'bad_cursor' }> {
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<EntryRow>(
    `SELECT id::text, at, amount, kind, batch::text FROM entry
     WHERE owner = $1 AND asset = $2 AND ($3::bigint IS NULL OR entry.id < $3)
     ORDER BY entry.id DESC LIMIT $4`,
    [userAccount(userId), asset, before[0], limit + 1],
  );
  return { code: 'page', ...pageOf(rows, limit, view, (row) => [row.id]) };
}

const kindNames = new Map<number, EntryKind>(
  Object.entries(entryKinds).map(([name, number]) => [number, name as EntryKind]),
);

/** The other side follows from the kind: deposits come from the operator, all else goes through an escrow. */
function view({ id, at, amount, kind, batch }: EntryRow): EntryView {
  return {
    id,
    at,
    amount,
    kind: kindNames.get(kind) ?? 'deposit',
    counterpart: batch === null ? operatorAccount : escrowAccount(batch),
    batchId: batch ?? undefined,
  };
}
