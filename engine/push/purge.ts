/** What is no longer kept: old pushes, and listeners who have not been seen for long. (E12) */
import type { Pool } from 'pg';
import { listenerKeptDays, pushKeptHours } from '../limits.ts';

/** Rows looked at by one statement: short locks, short transactions. */
const purgeRows = 5_000;

/**
 * A user's oldest pushes go as one piece, up to the newest that is too old. Listeners are locked in order like by
 * every writer; pushes of users who were forgotten meanwhile go too.
 */
const purgeText = `WITH old AS (
    SELECT user_id, max(last_no) AS last_no
    FROM (SELECT user_id, last_no FROM push WHERE at < $1 ORDER BY at LIMIT ${purgeRows}) AS first
    GROUP BY user_id
  ), held AS (
    SELECT listener.user_id, old.last_no FROM old JOIN listener ON listener.user_id = old.user_id
    ORDER BY listener.user_id FOR NO KEY UPDATE OF listener
  ), raised AS (
    UPDATE listener SET purged_no = greatest(purged_no, held.last_no) FROM held WHERE listener.user_id = held.user_id
    RETURNING listener.user_id
  )
  DELETE FROM push USING old LEFT JOIN raised ON raised.user_id = old.user_id
  WHERE push.user_id = old.user_id AND push.last_no <= old.last_no`;

/**
 * A number is spent on being forgotten, so that a client that comes back is told of the gap. Whom a writer holds is
 * passed over until next time.
 */
const forgetText = `WITH held AS (
    SELECT user_id FROM listener WHERE seen_at < $1 LIMIT ${purgeRows} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM listener USING held WHERE listener.user_id = held.user_id
    RETURNING listener.user_id, listener.last_no
  ), emptied AS (
    DELETE FROM push USING gone WHERE push.user_id = gone.user_id
  )
  INSERT INTO past_listener (user_id, last_no) SELECT user_id, last_no + 1 FROM gone
  ON CONFLICT (user_id) DO UPDATE SET last_no = excluded.last_no`;

/** Removes what the limits allow to remove at `now`, some thousand rows by one statement. */
export async function purgePushes(pool: Pool, now: number): Promise<void> {
  const steps = [
    [purgeText, now - pushKeptHours * 3_600_000],
    [forgetText, now - listenerKeptDays * 86_400_000],
  ] as const;
  for (const [text, before] of steps) {
    for (;;) {
      const { rowCount } = await pool.query(text, [before]);
      if ((rowCount ?? 0) === 0) break;
    }
  }
}
