/**
 * Who a share reaches, as of sending: the audience that must be durable before the message or post can be seen. (E7
 * ¶106–120, E8 ¶121–127)
 */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import type { Ids } from '../core/id-list.ts';
import { contactCode } from './contacts.ts';
import type { SocialContext } from './context.ts';
import { notContacts } from './friends.ts';
import { isAnyGroup, isConversationId } from './groups.ts';
import type { NotContacts } from './types.ts';

/** Chosen contacts, everybody in a group of the sender's, or all friends. */
export type Addressees =
  | { readonly kind: 'contacts'; readonly userIds: readonly string[] }
  | { readonly kind: 'group'; readonly groupId: string }
  | { readonly kind: 'friends' };

export type AudienceResult =
  | {
      readonly code: 'found';
      readonly receivers: Ids;
      readonly count: number;
      /** Of a group: its newest message then; who came in later has joined at this number or after it. */
      readonly lastNo: number;
    }
  | NotContacts
  | { readonly code: 'group_not_found' };

/** One text for all ids: the driver would make an object of each, 100,000 of them for a well-known sender. */
interface Row {
  readonly ids: string | null;
  readonly count: number;
  readonly last_no: number;
}

const found = (row: Row | undefined): AudienceResult => ({
  code: 'found',
  receivers: { joined: row?.ids ?? '' },
  count: row?.count ?? 0,
  lastNo: row?.last_no ?? 0,
});

/** See `Social.audienceOf`. */
export async function audienceOf(
  { pool }: SocialContext,
  senderId: string,
  to: Addressees,
): Promise<AudienceResult> {
  switch (to.kind) {
    case 'contacts': {
      const receivers = [...new Set(to.userIds)];
      const strangers = await notContacts(pool, senderId, receivers);
      return strangers ?? { code: 'found', receivers, count: receivers.length, lastNo: 0 };
    }
    case 'friends': {
      const { rows } = await pool.query<Row>({
        name: 'friends-as-text',
        text: `SELECT string_agg(other, ' ') AS ids, count(*)::int AS count, 0 AS last_no FROM contact
          WHERE user_id = $1 AND state = ${contactCode.accepted}`,
        values: [senderId],
      });
      return found(rows[0]);
    }
    case 'group': {
      if (!isConversationId(to.groupId)) return { code: 'group_not_found' };
      // One statement, one snapshot: the number belongs to these very members.
      const { rows } = await pool.query<Row>({
        name: 'members-as-text',
        text: `SELECT last_no, string_agg(user_id, ' ') AS ids, count(*)::int AS count
          FROM conversation JOIN member ON member.conversation = conversation.id
          WHERE conversation.id = $1 AND ${isAnyGroup}
          GROUP BY last_no HAVING bool_or(user_id = $2)`,
        values: [to.groupId, senderId],
      });
      return rows.length === 0 ? { code: 'group_not_found' } : found(rows[0]);
    }
  }
}

/** See `Social.newcomers`. */
export async function newcomers(
  tx: Tx,
  groupId: string,
  lastNo: number,
): Promise<readonly string[]> {
  const { rows } = await connectionOf(tx).query<{ user_id: string }>({
    name: 'newcomers',
    text: 'SELECT user_id FROM member WHERE conversation = $1 AND joined_no >= $2',
    values: [groupId, lastNo],
  });
  return rows.map(({ user_id }) => user_id);
}
