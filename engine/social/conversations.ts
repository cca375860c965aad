/** The list of conversations with what is unread, and marking it read. (E10) */
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { isConversationId } from './groups.ts';
import type { SocialContext } from './context.ts';
import { tradeColumn } from './links.ts';
import { messageNo, messageOf, type MessageRow } from './messages.ts';
import type { PageAt, Paged } from '../books/page.ts';
import type { Conversation, MarkReadResult } from './types.ts';

const kindOf: readonly (Conversation['kind'] | undefined)[] = [
  undefined,
  'direct',
  'group',
  'trade_group',
];

interface ConversationRow extends Omit<MessageRow, 'no'> {
  readonly id: number;
  readonly conversation_kind: number;
  readonly with_user: string | null;
  readonly shown_name: string;
  readonly unread: number;
  readonly updated_at: number;
  /** Null where there is no message that the user may see. */
  readonly no: number | null;
}

function conversationOf(row: ConversationRow): Conversation {
  const { no } = row;
  return {
    id: String(row.id),
    kind: kindOf[row.conversation_kind] ?? 'group',
    name: row.shown_name,
    withUserId: row.with_user ?? undefined,
    unread: row.unread,
    lastMessage: no === null ? undefined : messageOf({ ...row, no }),
    updatedAt: row.updated_at,
  };
}

/**
 * See `Social.conversations`. Reads one row per conversation of the user, never a message more than it shows: unread
 * is a difference of two numbers. A newcomer's group stands where the joining stands in time.
 */
export async function conversations(
  { pool }: SocialContext,
  userId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<Conversation>> {
  const before = cursor === undefined ? [null, null] : decodeCursor(cursor, 2);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<ConversationRow>({
    name: 'conversations',
    text: `WITH page AS (
        SELECT id, conversation.kind AS conversation_kind, conversation.name, last_no, joined_no,
          last_no - read_no AS unread, greatest(last_at, joined_at) AS updated_at,
          CASE WHEN low = $1 THEN high ELSE low END AS with_user
        FROM member JOIN conversation ON conversation.id = member.conversation
        WHERE member.user_id = $1
          AND ($2::bigint IS NULL OR (greatest(last_at, joined_at), id) < ($2, $3::bigint))
        ORDER BY updated_at DESC, id DESC LIMIT $4)
      SELECT page.id, conversation_kind, with_user, unread, updated_at,
        coalesce(page.name, person.name, with_user) AS shown_name,
        message.conversation, message.no, message.at, message.reply_no, message.kind, message.subject::text,
        message.link, message.sender, message.text, ${tradeColumn}
      FROM page LEFT JOIN person ON person.user_id = with_user
        LEFT JOIN message ON message.conversation = page.id AND message.no = last_no AND last_no > joined_no
      ORDER BY updated_at DESC, page.id DESC`,
    values: [userId, ...before, limit + 1],
  });
  return {
    code: 'page',
    ...pageOf(rows, limit, conversationOf, (row) => [row.updated_at, row.id]),
  };
}

/** See `Social.markRead`. */
export async function markRead(
  { pool }: SocialContext,
  conversationId: string,
  userId: string,
  messageId: string,
): Promise<MarkReadResult> {
  if (!isConversationId(conversationId)) return { code: 'conversation_not_found' };
  // Another message or mark may pass between the snapshot and the row's lock: never below zero.
  const { rows } = await pool.query<{ unread: number; found: boolean }>({
    name: 'mark-read',
    text: `UPDATE member
      SET read_no = CASE WHEN $3::bigint BETWEEN 1 AND last_no THEN greatest(read_no, $3) ELSE read_no END
      FROM conversation
      WHERE conversation.id = $1 AND member.conversation = $1 AND user_id = $2
      RETURNING greatest(last_no - read_no, 0) AS unread,
        coalesce($3 BETWEEN greatest(joined_no, 0) + 1 AND last_no, false) AS found`,
    values: [conversationId, userId, messageNo(conversationId, messageId) ?? null],
  });
  const [row] = rows;
  if (row === undefined) return { code: 'conversation_not_found' };
  return row.found ? { code: 'read', unread: row.unread } : { code: 'message_not_found' };
}
