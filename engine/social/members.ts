/**
 * Who comes into a group and who leaves it. Locks are taken in one order everywhere: the conversation's row, then
 * those of its members; so a message and a change of members never pass each other, and never deadlock. (E7, E8)
 */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import { groupMembersMax } from '../limits.ts';
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { type SocialContext, write } from './context.ts';
import { notContacts } from './friends.ts';
import { conversationKind, type GroupKind, insertMembers, isConversationId } from './groups.ts';
import type { AddMembersResult, RemoveMembersResult } from './types.ts';

/** A group's row, locked until the transaction ends. */
export interface LockedGroup {
  readonly last_no: number;
  readonly members: number;
  readonly owner: string;
  readonly name: string;
}

/** Undefined when there is no such group. */
export async function lockGroup(
  connection: Connection,
  groupId: string,
  kind: GroupKind,
): Promise<LockedGroup | undefined> {
  if (!isConversationId(groupId)) return undefined;
  const { rows } = await connection.query<LockedGroup>({
    name: 'lock-group',
    text: `SELECT last_no, members, owner, name FROM conversation
      WHERE id = $1 AND kind = $2 FOR NO KEY UPDATE`,
    values: [groupId, kind],
  });
  return rows[0];
}

/** Undefined also when the user is not in it, asked after the lock was got. */
export async function lockGroupOf(
  connection: Connection,
  groupId: string,
  userId: string,
  kind: GroupKind,
): Promise<LockedGroup | undefined> {
  const locked = await lockGroup(connection, groupId, kind);
  if (locked === undefined) return undefined;
  const inside = await membersAmong(connection, groupId, [userId]);
  return inside.length === 0 ? undefined : locked;
}

export async function membersAmong(
  connection: Connection,
  groupId: string,
  userIds: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await connection.query<{ user_id: string }>({
    name: 'members-among',
    text: 'SELECT user_id FROM member WHERE conversation = $1 AND user_id = ANY ($2::text[])',
    values: [groupId, texts(userIds)],
  });
  return rows.map((row) => row.user_id);
}

/** See `Social.addMembers`. */
export async function addMembers(
  { now }: SocialContext,
  tx: Tx,
  groupId: string,
  userId: string,
  members: readonly string[],
): Promise<AddMembersResult> {
  const connection = connectionOf(tx);
  const locked = await lockGroupOf(connection, groupId, userId, conversationKind.group);
  if (locked === undefined) return { code: 'group_not_found' };
  const named = [...new Set(members)];
  const inside = new Set(await membersAmong(connection, groupId, named));
  const newcomers = named.filter((member) => !inside.has(member));
  const strangers = await notContacts(connection, userId, newcomers);
  if (strangers !== undefined) return strangers;
  const memberCount = locked.members + newcomers.length;
  if (memberCount > groupMembersMax) return { code: 'group_full' };
  await letIn(connection, groupId, locked, newcomers, now());
  return { code: 'added', memberCount };
}

/** Under the group's lock. @param newcomers distinct, none of them inside; there is room for them */
export async function letIn(
  connection: Connection,
  groupId: string,
  { last_no, members }: LockedGroup,
  newcomers: readonly string[],
  at: number,
): Promise<void> {
  if (newcomers.length === 0) return;
  await insertMembers(connection, groupId, newcomers, last_no, at);
  await connection.query('UPDATE conversation SET members = $2 WHERE id = $1', [
    groupId,
    members + newcomers.length,
  ]);
}

/** See `Social.removeMembers`. */
export function removeMembers(
  context: SocialContext,
  groupId: string,
  userId: string,
  members: readonly string[],
): Promise<RemoveMembersResult> {
  return write(context, async (connection) => {
    const locked = await lockGroupOf(connection, groupId, userId, conversationKind.group);
    if (locked === undefined) return { code: 'group_not_found' };
    if (locked.owner !== userId && members.some((member) => member !== userId)) {
      return { code: 'not_owner' };
    }
    return { code: 'removed', memberCount: await takeOut(connection, groupId, locked, members) };
  });
}

/** Under the group's lock; an owner who goes hands over. @returns how many are left */
export async function takeOut(
  connection: Connection,
  groupId: string,
  locked: LockedGroup,
  members: readonly string[],
): Promise<number> {
  const { rowCount } = await connection.query(
    'DELETE FROM member WHERE conversation = $1 AND user_id = ANY ($2::text[])',
    [groupId, texts(members)],
  );
  const memberCount = locked.members - (rowCount ?? 0);
  // Without anybody left the old owner's name stays: nobody sees it.
  await connection.query(
    `UPDATE conversation SET members = $2, owner = CASE WHEN $3 THEN coalesce(
       (SELECT user_id FROM member WHERE conversation = $1 ORDER BY joined_at, user_id LIMIT 1), owner) ELSE owner END
     WHERE id = $1`,
    [groupId, memberCount, members.includes(locked.owner)],
  );
  return memberCount;
}
