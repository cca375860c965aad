/** Who is a friend: the questions that groups, messages and posts ask of contacts. (E7, E8) */
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { contactCode } from './contacts.ts';
import type { NotContacts } from './types.ts';

/** A refusal names no more than these. */
const namedMax = 100;

/** Who of `others` is no accepted contact of the user; undefined when all are. */
export async function notContacts(
  connection: Connection,
  userId: string,
  others: readonly string[],
): Promise<NotContacts | undefined> {
  if (others.length === 0) return undefined;
  const { rows } = await connection.query<{ other: string }>({
    name: 'not-contacts',
    text: `SELECT named.other FROM unnest($2::text[]) AS named (other)
      WHERE NOT EXISTS (
        SELECT FROM contact
        WHERE user_id = $1 AND contact.other = named.other AND state = ${contactCode.accepted})
      LIMIT ${namedMax}`,
    values: [userId, texts(others)],
  });
  if (rows.length === 0) return undefined;
  return { code: 'not_contacts', userIds: rows.map(({ other }) => other) };
}

/**
 * True when the two are friends, and stay so until the transaction ends: a block that was answered before lets no
 * message through, and one that comes now waits.
 */
export async function holdFriendship(
  connection: Connection,
  userId: string,
  otherId: string,
): Promise<boolean> {
  const { rows } = await connection.query({
    name: 'hold-friendship',
    text: `SELECT FROM contact
      WHERE (user_id, other) = ($1, $2) AND state = ${contactCode.accepted} FOR SHARE`,
    values: [otherId, userId],
  });
  return rows.length > 0;
}
