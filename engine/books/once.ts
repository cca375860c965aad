/** Answers kept under idempotency keys, committed together with their effect (DESIGN: Idempotency keys). */
import type { IdempotencyTag } from '../core/types.ts';
import { idempotencyKeptHours } from '../limits.ts';
import type { Connection } from '../store/statements.ts';
import { inTx, type BooksContext } from './context.ts';
import type { Answer, OnceResult, Tx } from './types.ts';

interface Kept {
  readonly scope: string;
  readonly digest: string;
  readonly status: number;
  readonly body: unknown;
}

/** See `Books.once`. */
export function once(
  { pool, now }: Pick<BooksContext, 'pool' | 'now'>,
  userId: string,
  scope: string,
  tag: IdempotencyTag | undefined,
  work: (tx: Tx) => Promise<Answer>,
): Promise<OnceResult> {
  return inTx(pool, async (tx, connection) => {
    if (tag !== undefined) {
      if (!(await lockKey(connection, userId, tag.key))) {
        return { commit: false, value: { code: 'idempotency_in_progress' } };
      }
      const kept = await selectKept(connection, userId, tag.key);
      if (kept !== undefined) return { commit: false, value: replay(kept, scope, tag) };
    }
    const { status, body, keep } = await work(tx);
    if (keep && tag !== undefined) {
      await connection.query(
        `INSERT INTO idempotency (user_id, key, scope, digest, status, body, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [userId, tag.key, scope, tag.digest, status, JSON.stringify(body) ?? null, now()],
      );
    }
    return { commit: keep, value: { code: 'answered', status, body, replayed: false } };
  });
}

/**
 * Held until the transaction ends, and by no dead connection. Two keys with the same hash may exclude each other:
 * "in progress" is always safe to answer.
 */
async function lockKey(connection: Connection, userId: string, key: string): Promise<boolean> {
  const { rows } = await connection.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0)) AS locked",
    [userId, key],
  );
  return rows[0]?.locked === true;
}

/** A statement of its own, so that its snapshot begins after the lock was got. */
async function selectKept(
  connection: Connection,
  userId: string,
  key: string,
): Promise<Kept | undefined> {
  const { rows } = await connection.query<Kept>(
    'SELECT scope, digest, status, body FROM idempotency WHERE user_id = $1 AND key = $2',
    [userId, key],
  );
  return rows[0];
}

function replay(kept: Kept, scope: string, tag: IdempotencyTag): OnceResult {
  if (kept.scope !== scope || kept.digest !== tag.digest) return { code: 'idempotency_key_reused' };
  return { code: 'answered', status: kept.status, body: kept.body ?? undefined, replayed: true };
}

/** Rows per statement: short locks, short transactions. */
const purgeRows = 5_000;

/** See `Books.purge`. */
export async function purge({ pool, now }: BooksContext): Promise<void> {
  const before = now() - idempotencyKeptHours * 3_600_000;
  for (;;) {
    const { rowCount } = await pool.query(
      `DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM idempotency WHERE at < $1 LIMIT ${purgeRows} FOR UPDATE SKIP LOCKED))`,
      [before],
    );
    if ((rowCount ?? 0) < purgeRows) return;
  }
}
