/** Requests to be let into a trade group, from those who see the prompt beside its owner. (T4, c5 c6 ¶79) */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { assert } from '../core/assert.ts';
import { conversationIdPattern, groupMembersMax } from '../limits.ts';
import { contactCode } from '../social/contacts.ts';
import type { SocialContext } from '../social/context.ts';
import { holdFriendship } from '../social/friends.ts';
import { conversationKind } from '../social/groups.ts';
import { lockGroup, lockGroupOf, membersAmong } from '../social/members.ts';
import type { PageAt, Paged } from '../books/page.ts';
import {
  admit,
  endRequests,
  invitationCode,
  pushInvitation,
  pushRequest,
  requestCode,
  requestColumns,
  requestOf,
  type RequestRow,
} from './consent.ts';
import { decide, type TradeContext } from './context.ts';
import { refuseOthers } from './owner.ts';
import type { NotOwner } from './port.ts';
import type { AnswerJoinRequestResult, JoinRequest, JoinResult } from './types.ts';

const kind = conversationKind.tradeGroup;

/** See `TradeGroups.requestToJoin`. */
export async function requestToJoin(
  { now }: SocialContext,
  tx: Tx,
  groupId: string,
  userId: string,
): Promise<JoinResult> {
  const connection = connectionOf(tx);
  const locked = await lockGroup(connection, groupId, kind);
  if (locked === undefined || locked.members === 0) return { code: 'group_not_found' };
  const inside = await membersAmong(connection, groupId, [userId]);
  if (inside.length > 0) return { code: 'already_member' };
  const isContact = await holdFriendship(connection, locked.owner, userId);
  if (!isContact) return { code: 'group_not_found' };
  const at = now();
  const added = await connection.query(
    `INSERT INTO trade_join_request (at, conversation, state, user_id) VALUES ($1, $2, ${requestCode.open}, $3)
     ON CONFLICT (conversation, user_id) WHERE state = ${requestCode.open} DO NOTHING RETURNING id`,
    [at, groupId, userId],
  );
  const { rows } = await connection.query<RequestRow & { invited: boolean }>(
    `SELECT ${requestColumns}, EXISTS (SELECT FROM trade_invitation AS invitation
       WHERE invitation.conversation = $1 AND invitee = $2 AND invitation.state = ${invitationCode.open}) AS invited
     FROM trade_join_request WHERE conversation = $1 AND user_id = $2 AND state = ${requestCode.open}`,
    [groupId, userId],
  );
  const [row] = rows;
  assert(row !== undefined, 'the request was made or was there');
  let request = requestOf(row);
  if (row.invited) {
    // Both sides want it: the owner hears that the invitation is accepted.
    if (locked.members + 1 > groupMembersMax) return { code: 'group_full' };
    const { invitations, requests } = await admit(connection, groupId, locked, [userId], at);
    for (const invitation of invitations) pushInvitation(tx, invitation, at);
    request = requests[0] ?? request;
  } else if (added.rows.length > 0) pushRequest(tx, request, locked.owner, at);
  return { code: 'requested', request };
}

/** See `TradeGroups.joinRequests`. Those of users who are no contacts any more are not shown, and cannot be approved. */
export async function joinRequests(
  context: TradeContext,
  groupId: string,
  userId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<JoinRequest> | NotOwner> {
  const refusal = await refuseOthers(context, groupId, userId);
  if (refusal !== undefined) return refusal;
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await context.pool.query<RequestRow>(
    `SELECT ${requestColumns} FROM trade_join_request
     WHERE conversation = $1 AND state = ${requestCode.open} AND ($3::bigint IS NULL OR id < $3)
       AND EXISTS (SELECT FROM contact WHERE contact.user_id = $2 AND other = trade_join_request.user_id
         AND contact.state = ${contactCode.accepted})
     ORDER BY id DESC LIMIT $4`,
    [groupId, userId, ...before, limit + 1],
  );
  return { code: 'page', ...pageOf(rows, limit, requestOf, (row) => [row.id]) };
}

/** See `TradeGroups.answerJoinRequest`. */
export function answerJoinRequest(
  context: TradeContext,
  groupId: string,
  userId: string,
  id: string,
  approve: boolean,
): Promise<AnswerJoinRequestResult> {
  return decide<AnswerJoinRequestResult>(context, 'answered', async (tx, connection) => {
    const locked = await lockGroupOf(connection, groupId, userId, kind);
    if (locked === undefined) return { code: 'group_not_found' };
    if (locked.owner !== userId) return { code: 'not_owner' };
    if (!conversationIdPattern.test(id)) return { code: 'join_request_not_found' };
    const { rows } = await connection.query<RequestRow>(
      `SELECT ${requestColumns} FROM trade_join_request WHERE id = $1 AND conversation = $2`,
      [id, groupId],
    );
    if (rows[0] === undefined) return { code: 'join_request_not_found' };
    const request = requestOf(rows[0]);
    const { status, userId: asking } = request;
    if (status === (approve ? 'approved' : 'declined')) return { code: 'answered', request };
    if (status !== 'open') return { code: 'join_request_ended' };
    const at = context.now();
    let ended: readonly JoinRequest[];
    if (approve) {
      if (!(await holdFriendship(connection, userId, asking))) {
        return { code: 'join_request_ended' };
      }
      if (locked.members + 1 > groupMembersMax) return { code: 'group_full' };
      ({ requests: ended } = await admit(connection, groupId, locked, [asking], at));
    } else ended = await endRequests(connection, groupId, 'declined', [asking], at);
    for (const one of ended) pushRequest(tx, one, userId, at);
    return { code: 'answered', request: ended[0] ?? request };
  });
}
