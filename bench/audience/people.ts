/** A sender with many friends and a large group, written straight into the tables: 100,000 requests would take longer. */
import type { Pool } from 'pg';
import { receiverName } from '../load/tokens.ts';

export const senderId = 'sender';

/** The first `friends` receivers become contacts of the sender, the first `members` of them a group; gives its id. */
export async function makePeople(pool: Pool, friends: number, members: number): Promise<string> {
  const names = Array.from({ length: friends }, (_, i) => receiverName(i));
  await pool.query(
    `INSERT INTO contact (user_id, other, state, since)
     SELECT $1, name, 3, 1 FROM unnest($2::text[]) AS name
     UNION ALL SELECT name, $1, 3, 1 FROM unnest($2::text[]) AS name`,
    [senderId, names],
  );
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO conversation (kind, name, owner, members, created_at, last_at)
     VALUES (2, 'everybody', $1, $2, 1, 1) RETURNING id::text`,
    [senderId, members],
  );
  const id = rows[0]?.id ?? '';
  await pool.query(
    `INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
     SELECT $1, name, 0, 0, 1 FROM unnest($2::text[]) AS name`,
    [id, [senderId, ...names.slice(0, members - 1)]],
  );
  await pool.query('VACUUM ANALYZE contact, member');
  return id;
}
