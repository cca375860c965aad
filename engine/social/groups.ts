/** Groups: made, listed and shown; a group is a conversation with a name and an owner. (E7, E10) */
import type { Page, PageAt, Paged } from '../books/page.ts';
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { assert } from '../core/assert.ts';
import { conversationIdPattern, groupMembersMax } from '../limits.ts';
import { texts } from '../store/arrays.ts';
import { beginSnapshot, transaction } from '../store/pool.ts';
import type { Connection } from '../store/statements.ts';
import { decodeUserCursor, type SocialContext, userPage } from './context.ts';
import { notContacts } from './friends.ts';
import type { CreateGroupResult, Group, Member, NewGroup } from './types.ts';

/** `conversation.kind`; one comes into a trade group with consent only, see engine/trade. */
export const conversationKind = { direct: 1, group: 2, tradeGroup: 3 } as const;
export type GroupKind = 2 | 3;
/** SQL: a conversation with a name, an owner and members. */
export const isAnyGroup = `kind IN (${conversationKind.group}, ${conversationKind.tradeGroup})`;

/** What cannot be an id is not looked for. */
export const isConversationId = (text: string): boolean => conversationIdPattern.test(text);

interface GroupRow {
  readonly id: number;
  readonly name: string;
  readonly owner: string;
  readonly members: number;
  readonly created_at: number;
}

const groupOf = (row: GroupRow): Group => ({
  id: String(row.id),
  name: row.name,
  ownerId: row.owner,
  memberCount: row.members,
  createdAt: row.created_at,
});

/** New members of a conversation; who is in stays as it is. They see what comes after `no`. */
export async function insertMembers(
  connection: Connection,
  conversation: number | string,
  userIds: readonly string[],
  no: number,
  at: number,
): Promise<number> {
  const { rowCount } = await connection.query({
    name: 'insert-members',
    text: `INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
      SELECT $1::bigint, user_id, $3::bigint, $3::bigint, $4::bigint FROM unnest($2::text[]) AS named (user_id)
      ON CONFLICT DO NOTHING`,
    values: [conversation, texts(userIds), no, at],
  });
  return rowCount ?? 0;
}

/** See `Social.createGroup`. */
export async function createGroup(
  { now }: SocialContext,
  tx: Tx,
  { ownerId, name, members }: NewGroup,
): Promise<CreateGroupResult> {
  const connection = connectionOf(tx);
  const others = [...new Set(members)].filter((userId) => userId !== ownerId);
  if (others.length + 1 > groupMembersMax) return { code: 'group_full' };
  const strangers = await notContacts(connection, ownerId, others);
  if (strangers !== undefined) return strangers;
  const made = { kind: conversationKind.group, name, members: [ownerId, ...others], at: now() };
  return { code: 'created', group: await insertGroup(connection, made) };
}

/** @param members distinct, their owner first */
export async function insertGroup(
  connection: Connection,
  {
    kind,
    name,
    members,
    at,
  }: {
    readonly kind: GroupKind;
    readonly name: string;
    readonly members: readonly string[];
    readonly at: number;
  },
): Promise<Group> {
  const { rows } = await connection.query<GroupRow>(
    `INSERT INTO conversation (kind, name, owner, members, created_at, last_at)
     VALUES ($5, $1, $2, $3, $4, $4) RETURNING id, name, owner, members, created_at`,
    [name, members[0], members.length, at, kind],
  );
  const [row] = rows;
  assert(row !== undefined, 'an INSERT gives its row');
  await insertMembers(connection, row.id, members, 0, at);
  return groupOf(row);
}

/** See `Social.groups`. */
export async function groups(
  { pool }: SocialContext,
  userId: string,
  { cursor, limit }: PageAt,
  kind: GroupKind = conversationKind.group,
): Promise<Paged<Group>> {
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<GroupRow>(
    `SELECT id, name, owner, members, created_at
     FROM member JOIN conversation ON conversation.id = member.conversation
     WHERE user_id = $1 AND kind = $4
       AND ($2::bigint IS NULL OR member.conversation < $2)
     ORDER BY member.conversation DESC LIMIT $3`,
    [userId, ...before, limit + 1, kind],
  );
  return { code: 'page', ...pageOf(rows, limit, groupOf, (row) => [row.id]) };
}

interface MemberRow {
  readonly user_id: string;
  readonly name: string;
  readonly joined_at: number;
}

/** See `Social.group`; the group and its members from one snapshot. */
export async function group(
  { pool }: SocialContext,
  groupId: string,
  userId: string,
  { cursor, limit }: PageAt,
  kind: GroupKind = conversationKind.group,
): Promise<
  | ({ readonly code: 'page'; readonly group: Group } & Page<Member>)
  | { readonly code: 'group_not_found' | 'bad_cursor' }
> {
  if (!isConversationId(groupId)) return { code: 'group_not_found' };
  return transaction(
    pool,
    async (connection) => {
      const found = await connection.query<GroupRow>({
        name: 'group',
        text: `SELECT id, name, owner, members, created_at FROM conversation
          WHERE id = $1 AND kind = $3
            AND EXISTS (SELECT FROM member WHERE member.conversation = $1 AND user_id = $2)`,
        values: [groupId, userId, kind],
      });
      const [row] = found.rows;
      if (row === undefined) return { code: 'group_not_found' };
      const after = decodeUserCursor(cursor);
      if (after === undefined) return { code: 'bad_cursor' };
      const { rows } = await connection.query<MemberRow>({
        name: 'group-members',
        text: `SELECT member.user_id, coalesce(name, member.user_id) AS name, joined_at
          FROM member LEFT JOIN person ON person.user_id = member.user_id
          WHERE conversation = $1 AND member.user_id > $2 ORDER BY member.user_id LIMIT $3`,
        values: [groupId, after, limit + 1],
      });
      const item = (member: MemberRow): Member => ({
        userId: member.user_id,
        name: member.name,
        joinedAt: member.joined_at,
      });
      const members = userPage(rows, limit, item, (member) => member.user_id);
      return { code: 'page', group: groupOf(row), ...members };
    },
    beginSnapshot,
  );
}
