/** Who goes from a trade group, by itself or removed, shares nothing any more from that moment on. (T1, T5) */
import { texts } from '../store/arrays.ts';
import { conversationKind } from '../social/groups.ts';
import { lockGroupOf, membersAmong, takeOut } from '../social/members.ts';
import type { RemoveMembersResult } from '../social/types.ts';
import { dropUnused, lockMembers } from './accounts.ts';
import { endInvitations, endRequests, pushInvitation, pushRequest } from './consent.ts';
import { decide, type TradeContext } from './context.ts';

/** See `TradeGroups.removeMembers`. */
export function removeMembers(
  context: TradeContext,
  groupId: string,
  userId: string,
  members: readonly string[],
): Promise<RemoveMembersResult> {
  return decide<RemoveMembersResult>(context, 'removed', async (tx, connection) => {
    const locked = await lockGroupOf(connection, groupId, userId, conversationKind.tradeGroup);
    if (locked === undefined) return { code: 'group_not_found' };
    if (locked.owner !== userId && members.some((member) => member !== userId)) {
      return { code: 'not_owner' };
    }
    const going = await membersAmong(connection, groupId, members);
    await lockMembers(connection, going);
    const memberCount = await takeOut(connection, groupId, locked, going);
    for (const table of ['trade_settings_account', 'trade_settings']) {
      await connection.query(
        `DELETE FROM ${table} WHERE conversation = $1 AND user_id = ANY ($2::text[])`,
        [groupId, texts(going)],
      );
    }
    const at = context.now();
    await dropUnused(connection, going, at);
    if (going.includes(locked.owner)) {
      // They were between the old owner and its contacts; the new one has others.
      const invitations = await endInvitations(connection, groupId, 'withdrawn', undefined, at);
      for (const invitation of invitations) pushInvitation(tx, invitation, at);
      const requests = await endRequests(connection, groupId, 'withdrawn', undefined, at);
      for (const request of requests) pushRequest(tx, request, locked.owner, at);
    }
    return { code: 'removed', memberCount };
  });
}
