/** A user's accounts, and their ledger entries as a bank statement. (E4, E14, E17) */
import {
  entryKinds,
  escrowAccount,
  inFlightAccount,
  operatorAccount,
  userAccount,
  type EntryKind,
} from '../store/ledger.ts';
import type { BooksContext } from './context.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import type { Paged } from './page.ts';
import type { AccountView, EntryView } from './types.ts';

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
  readonly sender: string | null;
  readonly withdrawal: string | null;
  readonly bank: string | null;
  readonly last4: string | null;
  readonly reference: string | null;
  readonly balance_after: number;
}

/**
 * One statement, so one snapshot: the balance now, minus what is newer than the page, is the balance after its first
 * entry; from there it goes down entry by entry. Later pages cost as much more as entries lie above them, which is read
 * through the index; nothing is kept per entry. (A balance carried in the cursor would be wrong where an entry with a
 * lower number commits later.)
 */
const statement = `WITH page AS MATERIALIZED (
    SELECT id, transfer, at, amount, kind, batch FROM entry
    WHERE owner = $1 AND asset = $2 AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4
  ), top AS (
    SELECT (SELECT balance + held FROM account WHERE owner = $1 AND asset = $2)
      - (SELECT coalesce(sum(amount), 0) FROM entry
         WHERE owner = $1 AND asset = $2 AND id > (SELECT max(id) FROM page)) AS balance
  )
  SELECT page.id::text, page.at, page.amount, page.kind, page.batch::text, batch.sender,
    withdrawal.id AS withdrawal, withdrawal.bank, withdrawal.last4, deposit.reference,
    (top.balance - coalesce(sum(page.amount)
      OVER (ORDER BY page.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS balance_after
  FROM page CROSS JOIN top
    LEFT JOIN batch ON batch.id = page.batch
    LEFT JOIN deposit ON page.kind = ${entryKinds.deposit} AND deposit.transfer = page.transfer
    LEFT JOIN LATERAL (
      SELECT id, bank, last4 FROM withdrawal
        WHERE page.kind = ${entryKinds.withdrawal} AND taken_transfer = page.transfer
      UNION ALL
      SELECT id, bank, last4 FROM withdrawal
        WHERE page.kind = ${entryKinds.withdrawal_return} AND ended_transfer = page.transfer
    ) AS withdrawal ON true
  ORDER BY page.id DESC`;

/** See `Books.entries`; newest first. */
export async function entries(
  { pool }: BooksContext,
  userId: string,
  asset: string,
  cursor: string | undefined,
  limit: number,
): Promise<Paged<EntryView>> {
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<EntryRow>(statement, [
    userAccount(userId),
    asset,
    before[0],
    limit + 1,
  ]);
  return { code: 'page', ...pageOf(rows, limit, view, (row) => [row.id]) };
}

const kindNames = new Map<number, EntryKind>(
  Object.entries(entryKinds).map(([name, number]) => [number, name as EntryKind]),
);

function view(row: EntryRow): EntryView {
  const { id, at, amount, batch, bank, last4 } = row;
  const kind = kindNames.get(row.kind) ?? 'deposit';
  return {
    id,
    at,
    amount,
    kind,
    counterpart: counterpart(kind, batch),
    batchId: batch ?? undefined,
    senderId: row.sender ?? undefined,
    withdrawalId: row.withdrawal ?? undefined,
    card: bank === null || last4 === null ? undefined : { bank, last4 },
    reference: row.reference ?? undefined,
    balanceAfter: row.balance_after,
  };
}

/** The other side follows from the kind: of a batch its escrow, otherwise the operator or the way to the bank. */
function counterpart(kind: EntryKind, batch: string | null): string {
  if (batch !== null) return escrowAccount(batch);
  return kind === 'deposit' ? operatorAccount : inFlightAccount;
}
