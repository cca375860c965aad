/** What a user sent and received, with totals over all pages. (E5, E12) */
import { type Mode, packetId } from '../core/types.ts';
import { beginSnapshot, transaction } from '../store/pool.ts';
import type { BooksContext } from './context.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { isOver, statusOf, type StatusRow } from './pages.ts';
import type {
  ReceivedRecord,
  ReceivedTotals,
  RecordsResult,
  SentRecord,
  SentTotals,
} from './types.ts';

interface SentRow extends StatusRow {
  readonly id: string;
  readonly mode: Mode;
  readonly asset: string;
  readonly total: number;
  readonly opened_amount: number;
  readonly refunded_amount: number;
  readonly greeting: string;
  readonly expires_at: number | null;
  readonly best_packet: number;
  readonly best_amount: number;
  readonly best_receiver: string | null;
}

/** Money may go round more often than fits a safe integer; then a total stands at the largest. */
const sumOf = (amount: string) =>
  `least(coalesce(sum(${amount}), 0), ${Number.MAX_SAFE_INTEGER})::bigint`;

/** See `Books.sent`; newest first. Totals count confirmed batches only: the others moved nothing. */
export async function sent(
  context: BooksContext,
  userId: string,
  cursor: string | undefined,
  limit: number,
): Promise<RecordsResult<SentRecord, SentTotals>> {
  const before = cursor === undefined ? [null, null] : decodeCursor(cursor, 2);
  if (before === undefined) return { code: 'bad_cursor' };
  return transaction(
    context.pool,
    async (connection) => {
      const { rows } = await connection.query<SentRow>(
        `SELECT id::text, confirmed_at, expired_at, mode, asset, count, claimed, opened, total, opened_amount,
           refunded_amount, greeting, created_at, expires_at, best_packet, best_amount,
           (SELECT receiver FROM packet WHERE packet.batch = batch.id AND packet = best_packet) AS best_receiver
         FROM batch
         WHERE sender = $1 AND ($2::bigint IS NULL OR (created_at, batch.id) < ($2, $3::bigint))
         ORDER BY created_at DESC, batch.id DESC LIMIT $4`,
        [userId, ...before, limit + 1],
      );
      const { rows: totals } = await connection.query<SentTotals>(
        `SELECT asset, count(*) AS count, ${sumOf('total')} AS amount,
           ${sumOf('opened_amount')} AS "openedAmount", ${sumOf('refunded_amount')} AS "refundedAmount"
         FROM batch WHERE sender = $1 AND confirmed_at IS NOT NULL GROUP BY asset ORDER BY asset`,
        [userId],
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
    best: bestOf(row),
  };
}

function bestOf(row: SentRow): SentRecord['best'] {
  if (!isOver(row) || row.best_receiver === null) return undefined;
  const { id, best_packet: best, best_receiver: receiverId, best_amount: amount } = row;
  return { packetId: packetId(id, best), receiverId, amount };
}

interface ReceivedRow extends StatusRow {
  readonly batch: string;
  readonly mode: Mode;
  readonly best_packet: number;
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
  context: BooksContext,
  userId: string,
  cursor: string | undefined,
  limit: number,
): Promise<RecordsResult<ReceivedRecord, ReceivedTotals>> {
  const before = cursor === undefined ? [null, null, null] : decodeCursor(cursor, 3);
  if (before === undefined) return { code: 'bad_cursor' };
  return transaction(
    context.pool,
    async (connection) => {
      const { rows } = await connection.query<ReceivedRow>(
        `SELECT packet.batch::text, packet, sender, asset, greeting, claimed_at, opened_at, amount, mode, created_at,
           confirmed_at, expired_at, count, claimed, opened, best_packet
         FROM packet JOIN batch ON batch.id = packet.batch
         WHERE receiver = $1
           AND ($2::bigint IS NULL OR (claimed_at, packet.batch, packet) < ($2, $3::bigint, $4::bigint))
         ORDER BY claimed_at DESC, packet.batch DESC, packet DESC LIMIT $5`,
        [userId, ...before, limit + 1],
      );
      const { rows: totals } = await connection.query<ReceivedTotals>(
        `SELECT asset, count(*) AS count, ${sumOf('amount')} AS amount
         FROM packet JOIN batch ON batch.id = packet.batch WHERE receiver = $1 GROUP BY asset ORDER BY asset`,
        [userId],
      );
      const show = (row: ReceivedRow) => receivedRecord(context, row);
      const page = pageOf(rows, limit, show, (row) => [row.claimed_at, row.batch, row.packet]);
      return { code: 'page', totals, ...page };
    },
    beginSnapshot,
  );
}

function receivedRecord(context: BooksContext, row: ReceivedRow): ReceivedRecord {
  return {
    batchId: row.batch,
    batchStatus: statusOf(context, row),
    mode: row.mode,
    packetId: packetId(row.batch, row.packet),
    senderId: row.sender,
    asset: row.asset,
    greeting: row.greeting,
    claimedAt: row.claimed_at,
    openedAt: row.opened_at ?? undefined,
    amount: row.amount ?? undefined,
    best: isOver(row) && row.packet === row.best_packet,
  };
}
