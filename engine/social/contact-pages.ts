/** The list of a user's contacts. (E10) */
import { contactCode, contactStateOf } from './contacts.ts';
import { decodeUserCursor, type SocialContext, userPage } from './context.ts';
import type { PageAt, Paged } from '../books/page.ts';
import type { Contact, ContactState } from './types.ts';

interface ContactRow {
  readonly other: string;
  readonly name: string;
  readonly state: number;
  readonly since: number;
}

/** See `Social.contacts`; the order of ids stands still while a client pages. */
export async function contacts(
  { pool }: SocialContext,
  userId: string,
  state: ContactState | undefined,
  { cursor, limit }: PageAt,
): Promise<Paged<Contact>> {
  const after = decodeUserCursor(cursor);
  if (after === undefined) return { code: 'bad_cursor' };
  const values: unknown[] = [userId, after, limit + 1];
  if (state !== undefined) values.push(contactCode[state]);
  const { rows } = await pool.query<ContactRow>(
    `SELECT other, coalesce(name, other) AS name, state, since
     FROM contact LEFT JOIN person ON person.user_id = other
     WHERE contact.user_id = $1 AND other > $2 ${state === undefined ? '' : 'AND state = $4'}
     ORDER BY other LIMIT $3`,
    values,
  );
  const item = (row: ContactRow): Contact => ({
    userId: row.other,
    name: row.name,
    state: contactStateOf[row.state] ?? 'blocked',
    since: row.since,
  });
  return { code: 'page', ...userPage(rows, limit, item, (row) => row.other) };
}
