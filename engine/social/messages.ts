/** Messages: posted under the conversation's lock, numbered without a gap, paged newest first. (E7, E10) */
import type { Tx } from '../books/types.ts';
import { connectionOf, pushAtEnd } from '../books/context.ts';
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { assert } from '../core/assert.ts';
import { messageIdPattern } from '../limits.ts';
import type { Connection } from '../store/statements.ts';
import type { SocialContext } from './context.ts';
import {
  conversationKind,
  type GroupKind,
  insertMembers,
  isAnyGroup,
  isConversationId,
} from './groups.ts';
import { holdFriendship } from './friends.ts';
import { linkColumns, messageLinkOf, type MessageLinkRow, tradeColumn } from './links.ts';
import type { PageAt, Paged } from '../books/page.ts';
import type { Message, NewMessage, PostMessageResult } from './types.ts';

export interface MessageRow extends MessageLinkRow {
  readonly conversation: number;
  readonly no: number;
  readonly at: number;
  readonly reply_no: number | null;
  readonly sender: string;
  readonly text: string;
}

export const messageId = (conversation: number | string, no: number): string =>
  `${conversation}-${no}`;

/** The number of a message of this conversation; undefined when the id is of another one, or of none. */
export function messageNo(conversationId: string, id: string): number | undefined {
  if (!messageIdPattern.test(id) || !id.startsWith(`${conversationId}-`)) return undefined;
  return Number(id.slice(conversationId.length + 1));
}

export function messageOf(row: MessageRow): Message {
  return {
    id: messageId(row.conversation, row.no),
    conversationId: String(row.conversation),
    senderId: row.sender,
    text: row.text,
    link: messageLinkOf(row),
    replyTo: row.reply_no === null ? undefined : messageId(row.conversation, row.reply_no),
    createdAt: row.at,
  };
}

interface Numbered {
  readonly id: number;
  readonly last_no: number;
  readonly last_at: number;
}

/** Takes the next number; the row stays locked until the transaction ends. */
const nextNumber =
  'SET last_no = conversation.last_no + 1, last_at = greatest(conversation.last_at, $1)';

async function numberInGroup(
  connection: Connection,
  groupId: string,
  at: number,
): Promise<Numbered | undefined> {
  if (!isConversationId(groupId)) return undefined;
  const { rows } = await connection.query<Numbered>({
    name: 'number-in-group',
    text: `UPDATE conversation ${nextNumber} WHERE id = $2 AND ${isAnyGroup}
      RETURNING id, last_no, last_at`,
    values: [at, groupId],
  });
  return rows[0];
}

/** The two's conversation begins with their first message, whoever of them is first. */
async function numberBetween(
  connection: Connection,
  userId: string,
  otherId: string,
  at: number,
): Promise<Numbered> {
  const pair = userId < otherId ? [userId, otherId] : [otherId, userId];
  const known = await connection.query<Numbered>({
    name: 'number-between',
    text: `UPDATE conversation ${nextNumber}
      WHERE low = $2 AND high = $3 AND kind = ${conversationKind.direct} RETURNING id, last_no, last_at`,
    values: [at, ...pair],
  });
  if (known.rows[0] !== undefined) return known.rows[0];
  const { rows } = await connection.query<Numbered>({
    name: 'first-between',
    text: `INSERT INTO conversation (kind, low, high, members, created_at, last_at, last_no)
      VALUES (${conversationKind.direct}, $2, $3, 2, $1, $1, 1)
      ON CONFLICT (low, high) WHERE kind = ${conversationKind.direct} DO UPDATE ${nextNumber}
      RETURNING id, last_no, last_at`,
    values: [at, ...pair],
  });
  const [row] = rows;
  assert(row !== undefined, 'the conversation was made or was there');
  if (row.last_no === 1) await insertMembers(connection, row.id, pair, 0, at);
  return row;
}

/** Who writes has read what stands above; gives the first number not to be seen, undefined for outsiders. */
async function readUpTo(
  connection: Connection,
  { id, last_no }: Numbered,
  userId: string,
): Promise<number | undefined> {
  const { rows } = await connection.query<{ joined_no: number }>({
    name: 'read-up-to',
    text: 'UPDATE member SET read_no = $3 WHERE conversation = $1 AND user_id = $2 RETURNING joined_no',
    values: [id, userId, last_no],
  });
  return rows[0]?.joined_no;
}

/** See `Social.postMessage`. */
export async function postMessage(
  { now }: SocialContext,
  tx: Tx,
  { senderId, to, text, replyTo, link }: NewMessage,
): Promise<PostMessageResult> {
  const connection = connectionOf(tx);
  let numbered: Numbered | undefined;
  if ('groupId' in to) numbered = await numberInGroup(connection, to.groupId, now());
  else if (await holdFriendship(connection, senderId, to.userId)) {
    numbered = await numberBetween(connection, senderId, to.userId, now());
  } else return { code: 'not_a_contact' };
  if (numbered === undefined) return { code: 'group_not_found' };
  // Asked after the lock was got: who was removed before sees nothing any more.
  const joinedNo = await readUpTo(connection, numbered, senderId);
  if (joinedNo === undefined) return { code: 'group_not_found' };

  const { id, last_no: no, last_at: at } = numbered;
  let replyNo: number | undefined;
  if (replyTo !== undefined) {
    replyNo = messageNo(String(id), replyTo);
    if (replyNo === undefined || replyNo <= joinedNo || replyNo >= no) {
      return { code: 'message_not_found' };
    }
  }
  const { kind, subject, url } = linkColumns(link);
  await connection.query({
    name: 'insert-message',
    text: `INSERT INTO message (conversation, no, at, reply_no, kind, subject, link, sender, text)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [id, no, at, replyNo ?? null, kind, subject, url, senderId, text],
  });
  pushAtEnd(tx, { kind: 'message', conversationId: String(id), no }, at);
  const message: Message = {
    id: messageId(id, no),
    conversationId: String(id),
    senderId,
    text,
    link,
    replyTo,
    createdAt: at,
  };
  return { code: 'posted', message };
}

/** See `Social.messages`. @param kind of the conversation; left out: any */
export async function messages(
  { pool }: SocialContext,
  conversationId: string,
  userId: string,
  { cursor, limit }: PageAt,
  kind?: GroupKind,
): Promise<Paged<Message> | { readonly code: 'conversation_not_found' }> {
  if (!isConversationId(conversationId)) return { code: 'conversation_not_found' };
  const member = await pool.query<{ joined_no: number }>({
    name: 'joined-no',
    text: `SELECT joined_no FROM member JOIN conversation ON conversation.id = member.conversation
      WHERE member.conversation = $1 AND user_id = $2 AND kind = coalesce($3::smallint, kind)`,
    values: [conversationId, userId, kind ?? null],
  });
  const [mine] = member.rows;
  if (mine === undefined) return { code: 'conversation_not_found' };
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  // The membership again: one that ended between the two statements shows nothing.
  const { rows } = await pool.query<MessageRow>({
    name: 'messages',
    text: `SELECT conversation, no, at, reply_no, kind, subject::text, link, sender, text, ${tradeColumn}
      FROM message
      WHERE conversation = $1 AND no > $3 AND no < coalesce($4::bigint, ${Number.MAX_SAFE_INTEGER})
        AND EXISTS (SELECT FROM member WHERE member.conversation = $1 AND user_id = $2)
      ORDER BY no DESC LIMIT $5`,
    values: [conversationId, userId, mine.joined_no, ...before, limit + 1],
  });
  return { code: 'page', ...pageOf(rows, limit, messageOf, (row) => [row.no]) };
}
