/** Listeners: users who have opened a stream, each with the counter of their pushes. (E5, E12) */
import type { Pool } from 'pg';
import { assert } from '../core/assert.ts';
import { listenerSeenEveryMs } from '../limits.ts';
import { texts } from '../store/arrays.ts';
import type { Listening } from './port.ts';
import type { WritersEnded } from './writers-ended.ts';

interface ListenerRow {
  readonly last_no: number;
  readonly purged_no: number;
  readonly ready: boolean;
}

const listening = ({ last_no, purged_no }: ListenerRow): Listening => ({
  newest: last_no,
  purged: purged_no,
});

/**
 * See `Pushes.listen`. A new listener waits for the transactions that may have looked before it was there: afterwards
 * nothing can take effect that is not pushed. Numbers go on where they ended when the user was forgotten.
 */
export async function listen(
  pool: Pool,
  writersEnded: WritersEnded,
  userId: string,
  now: number,
): Promise<Listening> {
  const known = await seen(pool, userId, now);
  if (known?.ready === true) return listening(known);
  if (known === undefined) {
    await pool.query(
      `INSERT INTO listener (user_id, seen_at, last_no, purged_no)
       SELECT $1, $2, no, no FROM coalesce((SELECT last_no FROM past_listener WHERE user_id = $1), 0) AS past (no)
       ON CONFLICT DO NOTHING`,
      [userId, now],
    );
  }
  await writersEnded.wait();
  const { rows } = await pool.query<ListenerRow>(
    'UPDATE listener SET ready = true WHERE user_id = $1 RETURNING last_no, purged_no, ready',
    [userId],
  );
  assert(rows[0] !== undefined, 'a listener just seen is not forgotten');
  return listening(rows[0]);
}

async function seen(pool: Pool, userId: string, now: number): Promise<ListenerRow | undefined> {
  const { rows } = await pool.query<ListenerRow>({
    name: 'seen',
    text: `UPDATE listener SET seen_at = greatest(seen_at, $2) WHERE user_id = $1
      RETURNING last_no, purged_no, ready`,
    values: [userId, now],
  });
  return rows[0];
}

/**
 * See `Pushes.touch`. Rows that a writer holds are passed over: they are touched next time, and nobody waits here
 * while holding others.
 */
export async function touch(pool: Pool, userIds: readonly string[], now: number): Promise<void> {
  if (userIds.length === 0) return;
  await pool.query({
    name: 'touch',
    text: `WITH free AS (
        SELECT user_id FROM listener WHERE user_id = ANY ($1::text[]) AND seen_at < $3
        FOR NO KEY UPDATE SKIP LOCKED)
      UPDATE listener SET seen_at = $2 FROM free WHERE listener.user_id = free.user_id`,
    values: [texts(userIds), now, now - listenerSeenEveryMs],
  });
}

/** See `Pushes.newest`. */
export async function newest(
  pool: Pool,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (userIds.length === 0) return new Map();
  const { rows } = await pool.query<{ user_id: string; last_no: number }>({
    name: 'newest-pushes',
    text: 'SELECT user_id, last_no FROM listener WHERE user_id = ANY ($1::text[])',
    values: [texts(userIds)],
  });
  return new Map(rows.map((row) => [row.user_id, row.last_no]));
}
