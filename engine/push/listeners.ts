/** Listeners: users who have opened a stream, each with the counter of their pushes. (E5, E12) */
import type { Pool } from 'pg';
import { assert } from '../core/assert.ts';
import { listenersAtOnceMax, listenerSeenEveryMs } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import { texts } from '../store/arrays.ts';
import { transaction } from '../store/pool.ts';
import type { Listening } from './port.ts';
import { Together } from './together.ts';
import type { WritersEnded } from './writers-ended.ts';

interface ListenerRow {
  readonly user_id: string;
  readonly last_no: number;
  readonly purged_no: number;
  readonly ready: boolean;
  readonly seen_at: number;
}

const listening = ({ last_no, purged_no }: ListenerRow): Listening => ({
  newest: last_no,
  purged: purged_no,
});

/**
 * `Pushes.listen`, for all who come at about the same time together: after a restart that is everybody. Who was there a
 * while ago costs a look and no write. A new listener waits for the transactions that may have looked before it was
 * there: afterwards nothing can take effect that is not pushed.
 */
export class Listeners {
  readonly #looks: Together<string, ListenerRow | undefined>;
  readonly #begins: Together<string, ListenerRow>;
  readonly #readies: Together<string, ListenerRow>;
  readonly #writersEnded: WritersEnded;
  readonly #clock: Clock;

  constructor(pool: Pool, writersEnded: WritersEnded, clock: Clock) {
    this.#clock = clock;
    this.#writersEnded = writersEnded;
    const common = { clock, max: listenersAtOnceMax, width: 2 };
    this.#looks = new Together({ ...common, ask: (userIds) => known(pool, userIds) });
    this.#begins = new Together({
      ...common,
      ask: (userIds) => begin(pool, userIds, clock.now()),
    });
    this.#readies = new Together({ ...common, ask: (userIds) => becomeReady(pool, userIds) });
  }

  /** @throws WritersLinger when a transaction that may have looked does not end; it may be asked again */
  async listen(userId: string): Promise<Listening> {
    const row = await this.#looks.ask(userId);
    if (row?.ready === true && row.seen_at > this.#clock.now() - listenerSeenEveryMs) {
      return listening(row);
    }
    const begun = await this.#begins.ask(userId);
    if (begun.ready) return listening(begun);
    await this.#writersEnded.wait();
    return listening(await this.#readies.ask(userId));
  }
}

async function known(
  pool: Pool,
  userIds: readonly string[],
): Promise<readonly (ListenerRow | undefined)[]> {
  const { rows } = await pool.query<ListenerRow>({
    name: 'known-listeners',
    text: `SELECT user_id, last_no, purged_no, ready, seen_at FROM listener
      WHERE user_id = ANY ($1::text[])`,
    values: [texts(userIds)],
  });
  const found = new Map(rows.map((row) => [row.user_id, row]));
  return userIds.map((userId) => found.get(userId));
}

/**
 * Numbers go on where they ended when the user was forgotten. Who is being forgotten right now is waited for first, in a
 * statement of its own, so that the next one sees where that was. Rows are locked by user id, as who pushes does.
 */
function begin(
  pool: Pool,
  userIds: readonly string[],
  now: number,
): Promise<readonly ListenerRow[]> {
  const sorted = texts([...new Set(userIds)].toSorted());
  return transaction(pool, async (connection) => {
    await connection.query({
      name: 'hold-listeners',
      text: `SELECT FROM listener WHERE user_id = ANY ($1::text[]) ORDER BY user_id FOR KEY SHARE`,
      values: [sorted],
    });
    const { rows } = await connection.query<ListenerRow>({
      name: 'begin-listening',
      text: `INSERT INTO listener (user_id, seen_at, last_no, purged_no)
        SELECT user_id, $2, no, no FROM (
          SELECT u.user_id, coalesce(last_no, 0) AS no
          FROM unnest($1::text[]) AS u (user_id) LEFT JOIN past_listener ON past_listener.user_id = u.user_id
          ORDER BY u.user_id COLLATE "C") AS beginning
        ON CONFLICT (user_id) DO UPDATE SET seen_at = greatest(listener.seen_at, excluded.seen_at)
        RETURNING user_id, last_no, purged_no, ready, seen_at`,
      values: [sorted, now],
    });
    return inOrder(userIds, rows);
  });
}

/** Everything that takes effect from now on is pushed to them. */
async function becomeReady(
  pool: Pool,
  userIds: readonly string[],
): Promise<readonly ListenerRow[]> {
  const { rows } = await pool.query<ListenerRow>({
    name: 'listeners-ready',
    text: `WITH held AS (
        SELECT user_id FROM listener WHERE user_id = ANY ($1::text[])
        ORDER BY user_id FOR NO KEY UPDATE)
      UPDATE listener SET ready = true FROM held WHERE listener.user_id = held.user_id
      RETURNING listener.user_id, last_no, purged_no, ready, seen_at`,
    values: [texts([...new Set(userIds)])],
  });
  return inOrder(userIds, rows);
}

function inOrder(userIds: readonly string[], rows: readonly ListenerRow[]): readonly ListenerRow[] {
  const found = new Map(rows.map((row) => [row.user_id, row]));
  return userIds.map((userId) => {
    const row = found.get(userId);
    assert(row !== undefined, 'a listener just seen is not forgotten');
    return row;
  });
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
