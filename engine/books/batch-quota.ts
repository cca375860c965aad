/** How many batches a sender has created lately: exact, however many processes create at once. (E1) */
import { connectionOf, type BooksContext } from './context.ts';
import type { QuotaUse, Tx } from './types.ts';

/**
 * See `Books.batchQuotaUse`. The lock makes the sender's creations wait for each other until their transactions end;
 * only then the count sees those before it. Read through the index batch_sender, at most `most` rows.
 */
export async function batchQuotaUse(
  { now }: BooksContext,
  tx: Tx,
  senderId: string,
  most: number,
  windowMs: number,
): Promise<QuotaUse> {
  const connection = connectionOf(tx);
  await connection.query({
    name: 'batch-quota-lock',
    text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 11))',
    values: [senderId],
  });
  const at = now();
  const { rows } = await connection.query<{ used: number; oldest: number | null }>({
    name: 'batch-quota-use',
    text: `SELECT count(*) AS used, min(created_at) AS oldest
      FROM (SELECT created_at FROM batch WHERE sender = $1 AND created_at > $2
        ORDER BY created_at DESC LIMIT $3) AS newest`,
    values: [senderId, at - windowMs, most],
  });
  return { used: rows[0]?.used ?? 0, freeInMs: (rows[0]?.oldest ?? at) + windowMs - at };
}
