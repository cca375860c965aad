/** What a user sent and received, with totals over all pages. (E5, E12) */
import { type Mode, packetId } from '../core/types.ts';
import { beginSnapshot, transaction } from '../store/pool.ts';
import type { Connection } from '../store/statements.ts';
import type { BooksContext } from './context.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { statusOf, type StatusRow } from './pages.ts';
import type { ReceivedRecord, RecordsResult, RecordTotals, SentRecord } from './types.ts';

interface SentRow extends StatusRow {
  readonly id: string;
  readonly mode: Mode;
  readonly asset: string;
  readonly total: number;
  readonly opened_amount: number;
  readonly refunded_amount: number;
  readonly greeting: string;
  readonly expires_at: number | null;
}

/** See `Books.sent`; newest first. Totals count confirmed batches only: the others moved nothing. */
export async function sent(
  context: BooksContext,
  userId: string,
  cursor: string | undefined,
  limit: number,
): Promise<RecordsResult<SentRecord>> {
  const before = cursor === undefined ? [null, null] : decodeCursor(cursor, 2);
  if (before === undefined) return { code: 'bad_cursor' };
  return transaction(
    context.pool,
    async (connection) => {
      const { rows } = await connection.query<SentRow>(
        `SELECT id::text, confirmed_at, expired_at, mode, asset, count, claimed, opened, total, opened_amount,
           refunded_amount, greeting, created_at, expires_at
         FROM batch
         WHERE sender = $1 AND ($2::bigint IS NULL OR (created_at, batch.id) < ($2, $3::bigint))
         ORDER BY created_at DESC, batch.id DESC LIMIT $4`,
        [userId, ...before, limit + 1],
      );
      const totals = await selectTotals(
        connection,
        'SELECT asset, total AS amount FROM batch WHERE sender = $1 AND confirmed_at IS NOT NULL',
        userId,
      );
      return {
        code: 'page',
        totals,
        ...pageOf(
          rows,
          limit,
          (row) => sentRecord(context, row),
          (row) => [row.created_at, row.id],
        ),
      };
    },
    beginSnapshot,
  );
}

function sentRecord(context: BooksContext, row: SentRow): SentRecord {
  return {
    batchId: row.id,
    status: statusOf(context, row),
    mode: row.mode,
    asset: row.asset,
    count: row.count,
    claimed: row.claimed,
    opened: row.opened,
    total: row.total,
    openedAmount: row.opened_amount,
    refundedAmount: row.refunded_amount,
    greeting: row.greeting,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
  };
}

interface ReceivedRow {
  readonly batch: string;
  readonly packet: number;
  readonly sender: string;
  readonly asset: string;
  readonly greeting: string;
  readonly claimed_at: number;
  readonly opened_at: number | null;
  readonly amount: number | null;
}

/** See `Books.received`; newest claim first. Totals: packets, and what was opened of them. */
export async function received(
  { pool }: BooksContext,
  userId: string,
  cursor: string | undefined,
  limit: number,
): Promise<RecordsResult<ReceivedRecord>> {
  const before = cursor === undefined ? [null, null, null] : decodeCursor(cursor, 3);
  if (before === undefined) return { code: 'bad_cursor' };
  return transaction(
    pool,
    async (connection) => {
      const { rows } = await connection.query<ReceivedRow>(
        `SELECT packet.batch::text, packet, sender, asset, greeting, claimed_at, opened_at, amount
         FROM packet JOIN batch ON batch.id = packet.batch
         WHERE receiver = $1
           AND ($2::bigint IS NULL OR (claimed_at, packet.batch, packet) < ($2, $3::bigint, $4::bigint))
         ORDER BY claimed_at DESC, packet.batch DESC, packet DESC LIMIT $5`,
        [userId, ...before, limit + 1],
      );
      const totals = await selectTotals(
        connection,
        'SELECT asset, amount FROM packet JOIN batch ON batch.id = packet.batch WHERE receiver = $1',
        userId,
      );
      const page = pageOf(rows, limit, receivedRecord, (row) => [
        row.claimed_at,
        row.batch,
        row.packet,
      ]);
      return { code: 'page', totals, ...page };
    },
    beginSnapshot,
  );
}

function receivedRecord(row: ReceivedRow): ReceivedRecord {
  return {
    batchId: row.batch,
    packetId: packetId(row.batch, row.packet),
    senderId: row.sender,
    asset: row.asset,
    greeting: row.greeting,
    claimedAt: row.claimed_at,
    openedAt: row.opened_at ?? undefined,
    amount: row.amount ?? undefined,
  };
}

/** Money may go round more often than fits a safe integer; then the total stands at the largest. */
async function selectTotals(
  connection: Connection,
  records: string,
  userId: string,
): Promise<RecordTotals[]> {
  const { rows } = await connection.query<RecordTotals>(
    `SELECT asset, count(*) AS count, least(coalesce(sum(amount), 0), ${Number.MAX_SAFE_INTEGER})::bigint AS amount
     FROM (${records}) AS record GROUP BY asset ORDER BY asset`,
    [userId],
  );
  return rows;
}
