/** A batch's page and its claims, with who may see them. (E6, E9, E12) */
import { timingSafeEqual } from 'node:crypto';
import { type Mode, packetId } from '../core/types.ts';
import { isBatchId } from '../store/batches.ts';
import { beginSnapshot, transaction } from '../store/pool.ts';
import type { Connection } from '../store/statements.ts';
import { isConfirmationOver, type BooksContext } from './context.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import type { BatchPage, BatchPageResult, BatchStatus, ClaimsPageResult } from './types.ts';

/** Columns that tell the status. */
export interface StatusRow {
  readonly created_at: number;
  readonly confirmed_at: number | null;
  readonly expired_at: number | null;
  readonly count: number;
  readonly claimed: number;
  readonly opened: number;
}

interface PageRow extends StatusRow {
  readonly quarantined: boolean;
  readonly expires_at: number | null;
  readonly mode: Mode;
  readonly total: number;
  readonly each: number | null;
  readonly asset: string;
  readonly greeting: string;
  readonly sender: string;
  readonly link_key: string;
  readonly opened_amount: number;
  readonly refunded_amount: number;
  readonly best_packet: number;
  readonly related: boolean;
}

/** What the ledger says: an overdue batch stays what it was until its expiry is settled. */
export function statusOf(context: BooksContext, row: StatusRow): BatchStatus {
  if (row.confirmed_at === null) {
    return isConfirmationOver(context, row.created_at) ? 'expired' : 'awaiting_confirmation';
  }
  if (row.expired_at !== null && row.opened < row.count) return 'expired';
  return row.claimed === row.count ? 'exhausted' : 'active';
}

/** Nothing more will be opened, so the best luck is known. */
export function isOver(row: StatusRow): boolean {
  return row.expired_at !== null || row.opened === row.count;
}

async function selectPage(
  connection: Connection,
  batchId: string,
  callerId: string,
  linkKey: string | undefined,
): Promise<PageRow | 'batch_not_found' | 'forbidden' | 'quarantined'> {
  if (!isBatchId(batchId)) return 'batch_not_found';
  const { rows } = await connection.query<PageRow>({
    name: 'batch-page',
    text: `SELECT created_at, confirmed_at, expires_at, expired_at, mode, count, claimed, opened, total, each, asset,
        greeting, sender, link_key, opened_amount, refunded_amount, best_packet, quarantined,
        sender = $2
          OR EXISTS (SELECT FROM receiver WHERE receiver.batch = $1 AND user_id = $2)
          OR EXISTS (SELECT FROM packet WHERE packet.receiver = $2 AND packet.batch = $1) AS related
      FROM batch WHERE id = $1`,
    values: [batchId, callerId],
  });
  const [row] = rows;
  if (row === undefined) return 'batch_not_found';
  if (!row.related && !isKey(row.link_key, linkKey)) return 'forbidden';
  return row.quarantined ? 'quarantined' : row;
}

/** Tells by no time taken how much of it was right. */
export function isKey(expected: string, given: string | undefined): boolean {
  if (given === undefined) return false;
  const [one, other] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** See `Books.batchPage`. */
export async function batchPage(
  context: BooksContext,
  batchId: string,
  callerId: string,
  linkKey: string | undefined,
): Promise<BatchPageResult> {
  const row = await selectPage(context.pool, batchId, callerId, linkKey);
  if (typeof row === 'string') return { code: row };
  const page: BatchPage = {
    id: batchId,
    status: statusOf(context, row),
    mode: row.mode,
    count: row.count,
    claimed: row.claimed,
    opened: row.opened,
    remaining: row.count - row.claimed,
    asset: row.asset,
    greeting: row.greeting,
    senderId: row.sender,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    linkKey: row.link_key,
    isSender: row.sender === callerId,
    total: row.total,
    each: row.each ?? undefined,
    openedAmount: row.opened_amount,
    refundedAmount: row.refunded_amount,
  };
  return { code: 'page', page };
}

interface ClaimRow {
  readonly packet: number;
  readonly receiver: string;
  readonly claimed_at: number;
  readonly opened_at: number | null;
  readonly amount: number | null;
}

/** See `Books.claimsPage`; in the order of claiming, batch and packets from one snapshot. */
export async function claimsPage(
  { pool }: BooksContext,
  batchId: string,
  callerId: string,
  linkKey: string | undefined,
  cursor: string | undefined,
  limit: number,
): Promise<ClaimsPageResult> {
  return transaction(
    pool,
    async (connection) => {
      const batch = await selectPage(connection, batchId, callerId, linkKey);
      if (typeof batch === 'string') return { code: batch };
      const after = cursor === undefined ? ['0'] : decodeCursor(cursor, 1);
      if (after === undefined) return { code: 'bad_cursor' };
      const { rows } = await connection.query<ClaimRow>({
        name: 'claims-page',
        text: `SELECT packet, receiver, claimed_at, opened_at, amount FROM packet
          WHERE batch = $1 AND packet > $2::bigint ORDER BY packet LIMIT $3`,
        values: [batchId, after[0], limit + 1],
      });
      const over = isOver(batch);
      const page = pageOf(
        rows,
        limit,
        (row) => ({
          packetId: packetId(batchId, row.packet),
          receiverId: row.receiver,
          claimedAt: row.claimed_at,
          openedAt: row.opened_at ?? undefined,
          amount: row.amount ?? undefined,
          best: over && row.packet === batch.best_packet,
        }),
        (row) => [row.packet],
      );
      return { code: 'page', ...page };
    },
    beginSnapshot,
  );
}
