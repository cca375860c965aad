/** Who may ask what only the owner of a trade group may know. (T2, T4) */
import type { SocialContext } from '../social/context.ts';
import { conversationKind, isConversationId } from '../social/groups.ts';
import type { NotOwner } from './port.ts';

/** Undefined for the owner. */
export async function refuseOthers(
  { pool }: SocialContext,
  groupId: string,
  userId: string,
): Promise<NotOwner | undefined> {
  if (!isConversationId(groupId)) return { code: 'group_not_found' };
  const { rows } = await pool.query<{ owner: string }>({
    name: 'trade-group-owner',
    text: `SELECT owner FROM conversation WHERE id = $1 AND kind = ${conversationKind.tradeGroup}
      AND EXISTS (SELECT FROM member WHERE conversation = $1 AND user_id = $2)`,
    values: [groupId, userId],
  });
  if (rows[0] === undefined) return { code: 'group_not_found' };
  return rows[0].owner === userId ? undefined : { code: 'not_owner' };
}
