/** Creation of a batch: parameters under a new id; no money moves yet. (E1, E3, E5, E6) */
import { shardOf } from '../core/hash.ts';
import type { BatchIds } from './batch-ids.ts';
import { connectionOf, type BooksContext } from './context.ts';
import type { CreatedBatch, NewBatch, Tx } from './types.ts';

/** See `Books.createBatch`. The input was validated; the table's CHECKs are the second opinion. */
export async function createBatch(
  { now }: BooksContext,
  ids: BatchIds,
  tx: Tx,
  input: NewBatch,
): Promise<CreatedBatch> {
  const connection = connectionOf(tx);
  const id = await ids.next(connection);
  const createdAt = now();
  await connection.query({
    name: 'create-batch',
    text: `INSERT INTO batch (id, shard, created_at, last_event_at, mode, count, total, each, asset, greeting, sender,
        expires_in, once_per_receiver, link_key)
      VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    values: [
      id,
      shardOf(id),
      createdAt,
      input.mode,
      input.count,
      input.total,
      input.each ?? null,
      input.asset,
      input.greeting,
      input.senderId,
      input.expiresInSeconds,
      input.oncePerReceiver,
      input.linkKey,
    ],
  });
  return { id, createdAt };
}
