/**
 * Confirmation and what comes before it: one transaction under the batch row's lock.
 *
 * Guards invariants 5 (the debit happens only where the balance suffices) and 2 (from `confirmed_at` on, only the
 * owning actor changes the batch; the lock decides which of confirm and addAudience came first).
 */
import { assert } from '../core/assert.ts';
import type { Channel, Mode } from '../core/types.ts';
import { audienceMax } from '../limits.ts';
import { isBatchId } from '../store/batches.ts';
import { escrowAccount, insertEntries, userAccount } from '../store/ledger.ts';
import { insertReceivers } from '../store/packets.ts';
import type { Connection } from '../store/statements.ts';
import { inTx, isConfirmationOver, pushAtEnd, retried, type BooksContext } from './context.ts';
import type { AddAudienceResult, ConfirmedBatch, ConfirmResult } from './types.ts';

interface BatchRow {
  readonly created_at: number;
  readonly confirmed_at: number | null;
  readonly expires_at: number | null;
  readonly expires_in: number;
  readonly mode: Mode;
  readonly count: number;
  readonly total: number;
  readonly each: number | null;
  readonly asset: string;
  readonly greeting: string;
  readonly sender: string;
  readonly once_per_receiver: boolean;
  readonly link_key: string;
}

async function lockBatch(connection: Connection, batchId: string): Promise<BatchRow | undefined> {
  const { rows } = await connection.query<BatchRow>(
    `SELECT created_at, confirmed_at, expires_at, expires_in, mode, count, total, each, asset, greeting, sender,
       once_per_receiver, link_key
     FROM batch WHERE id = $1 FOR UPDATE`,
    [batchId],
  );
  return rows[0];
}

function refuse<Code extends string>(code: Code): { commit: false; value: { code: Code } } {
  return { commit: false, value: { code } };
}

/** See `Books.confirm`. Repeated, it gives the same answer. (E3, E4) */
export async function confirm(
  context: BooksContext,
  batchId: string,
  senderId: string,
): Promise<ConfirmResult> {
  if (!isBatchId(batchId)) return { code: 'batch_not_found' };
  return retried(() =>
    inTx<ConfirmResult>(context.pool, async (tx, connection) => {
      const row = await lockBatch(connection, batchId);
      if (row === undefined) return refuse('batch_not_found');
      if (row.sender !== senderId) return refuse('not_sender');
      if (row.confirmed_at !== null && row.expires_at !== null) {
        const batch = confirmed(batchId, row, row.confirmed_at, row.expires_at);
        return { commit: false, value: { code: 'confirmed', batch, repeated: true } };
      }
      if (isConfirmationOver(context, row.created_at)) return refuse('confirmation_expired');
      const at = Math.max(context.now(), row.created_at);
      if (!(await fund(connection, batchId, row, at))) return refuse('insufficient_funds');
      const expiresAt = at + row.expires_in * 1_000;
      await connection.query(
        'UPDATE batch SET confirmed_at = $2, expires_at = $3, last_event_at = $2 WHERE id = $1',
        [batchId, at, expiresAt],
      );
      pushAtEnd(tx, { kind: 'generated', batchId, senderId }, at);
      const batch = confirmed(batchId, row, at, expiresAt);
      return { commit: true, value: { code: 'confirmed', batch, repeated: false } };
    }),
  );
}

function confirmed(
  id: string,
  row: BatchRow,
  confirmedAt: number,
  expiresAt: number,
): ConfirmedBatch {
  return {
    id,
    mode: row.mode,
    count: row.count,
    total: row.total,
    each: row.each ?? undefined,
    asset: row.asset,
    greeting: row.greeting,
    senderId: row.sender,
    oncePerReceiver: row.once_per_receiver,
    linkKey: row.link_key,
    createdAt: row.created_at,
    confirmedAt,
    expiresAt,
  };
}

/** Moves the total into a new escrow account; false when the sender's balance does not suffice. */
async function fund(
  connection: Connection,
  batchId: string,
  { asset, total, sender }: BatchRow,
  at: number,
): Promise<boolean> {
  const escrow = escrowAccount(batchId);
  // In (asset, owner) order like every writer: `escrow:` before `user:`.
  await connection.query('INSERT INTO account (owner, asset, balance) VALUES ($1, $2, $3)', [
    escrow,
    asset,
    total,
  ]);
  const { rowCount } = await connection.query(
    'UPDATE account SET balance = balance - $3 WHERE owner = $1 AND asset = $2 AND balance >= $3',
    [userAccount(sender), asset, total],
  );
  if (rowCount === 0) return false;
  assert(rowCount === 1, 'one account per owner and asset');
  const line = { transfer: 0, asset, kind: 'funding', at, batchId, version: undefined } as const;
  await insertEntries(connection, [
    { ...line, id: 1, owner: userAccount(sender), amount: -total },
    { ...line, id: 2, owner: escrow, amount: total },
  ]);
  return true;
}

/** See `Books.addAudience`. (E8) */
export async function addAudience(
  { pool }: BooksContext,
  batchId: string,
  senderId: string,
  channel: Channel,
  receivers: readonly string[],
  anyone: boolean,
): Promise<AddAudienceResult> {
  if (!isBatchId(batchId)) return { code: 'batch_not_found' };
  return retried(() =>
    inTx<AddAudienceResult>(pool, async (_, connection) => {
      const row = await lockBatch(connection, batchId);
      if (row === undefined) return refuse('batch_not_found');
      if (row.sender !== senderId) return refuse('not_sender');
      if (row.confirmed_at !== null) return refuse('active');
      await insertReceivers(connection, [{ batchId, channel, receivers }]);
      const updated = await connection.query<{ receivers: number; anyone: boolean }>(
        'UPDATE batch SET anyone = anyone OR $2 WHERE id = $1 RETURNING receivers, anyone',
        [batchId, anyone],
      );
      const stored = updated.rows[0];
      assert(stored !== undefined, 'a locked batch is found again');
      if (stored.receivers > audienceMax) return refuse('audience_full');
      return { commit: true, value: { code: 'extended', ...stored } };
    }),
  );
}
