/** Invitations into a trade group: made by its owner for contacts, answered by the invited. (T2, T3, c3 ¶77) */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { assert } from '../core/assert.ts';
import { conversationIdPattern, groupMembersMax } from '../limits.ts';
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { contactCode } from '../social/contacts.ts';
import { decodeUserCursor, type SocialContext, userPage } from '../social/context.ts';
import { holdFriendship, notContacts } from '../social/friends.ts';
import { conversationKind } from '../social/groups.ts';
import { lockGroup, lockGroupOf, membersAmong } from '../social/members.ts';
import type { PageAt, Paged } from '../books/page.ts';
import {
  admit,
  endInvitations,
  invitationCode,
  invitationColumns,
  invitationOf,
  type InvitationRow,
  pushInvitation,
  pushRequest,
  requestCode,
} from './consent.ts';
import { decide, type TradeContext } from './context.ts';
import { refuseOthers } from './owner.ts';
import type { NotOwner } from './port.ts';
import type { AnswerInvitationResult, Candidate, Invitation, InviteResult } from './types.ts';

const kind = conversationKind.tradeGroup;

/** See `TradeGroups.invite`. */
export async function invite(
  { now }: SocialContext,
  tx: Tx,
  groupId: string,
  userId: string,
  invitees: readonly string[],
): Promise<InviteResult> {
  const connection = connectionOf(tx);
  const locked = await lockGroupOf(connection, groupId, userId, kind);
  if (locked === undefined) return { code: 'group_not_found' };
  if (locked.owner !== userId) return { code: 'not_owner' };
  const named = [...new Set(invitees)];
  const inside = new Set(await membersAmong(connection, groupId, named));
  const outside = named.filter((invitee) => !inside.has(invitee));
  const strangers = await notContacts(connection, userId, outside);
  if (strangers !== undefined) return strangers;
  const asking = await askingAmong(connection, groupId, outside);
  if (locked.members + asking.length > groupMembersMax) return { code: 'group_full' };
  const at = now();
  const waiting = outside.filter((invitee) => !asking.includes(invitee));
  const invitations = await insertInvitations(tx, groupId, userId, waiting, at);
  if (asking.length === 0) return { code: 'invited', invitations };
  // Both sides want it: who asked is told so, and needs no invitation.
  await insertRows(connection, groupId, userId, asking, at);
  const admitted = await admit(connection, groupId, locked, asking, at);
  for (const request of admitted.requests) pushRequest(tx, request, userId, at);
  return { code: 'invited', invitations: [...invitations, ...admitted.invitations] };
}

/** Gives the open invitations of all named, and pushes those that are new. */
export async function insertInvitations(
  tx: Tx,
  groupId: string,
  inviter: string,
  invitees: readonly string[],
  at: number,
): Promise<readonly Invitation[]> {
  if (invitees.length === 0) return [];
  const connection = connectionOf(tx);
  const added = await insertRows(connection, groupId, inviter, invitees, at);
  const { rows } = await connection.query<InvitationRow>(
    `SELECT ${invitationColumns} FROM trade_invitation
     WHERE conversation = $1 AND state = ${invitationCode.open} AND invitee = ANY ($2::text[]) ORDER BY id`,
    [groupId, texts(invitees)],
  );
  const invitations = rows.map(invitationOf);
  for (const invitation of invitations) {
    if (added.has(invitation.id)) pushInvitation(tx, invitation, at);
  }
  return invitations;
}

/** @returns ids of those that are new */
async function insertRows(
  connection: Connection,
  groupId: string,
  inviter: string,
  invitees: readonly string[],
  at: number,
): Promise<ReadonlySet<string>> {
  const { rows } = await connection.query<{ id: number }>(
    `INSERT INTO trade_invitation (at, conversation, state, inviter, invitee)
     SELECT $1::bigint, $2::bigint, ${invitationCode.open}, $3::text, invitee FROM unnest($4::text[]) AS named (invitee)
     ON CONFLICT (conversation, invitee) WHERE state = ${invitationCode.open} DO NOTHING RETURNING id`,
    [at, groupId, inviter, texts(invitees)],
  );
  return new Set(rows.map(({ id }) => String(id)));
}

async function askingAmong(
  connection: Connection,
  groupId: string,
  userIds: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await connection.query<{ user_id: string }>(
    `SELECT user_id FROM trade_join_request
     WHERE conversation = $1 AND state = ${requestCode.open} AND user_id = ANY ($2::text[])`,
    [groupId, texts(userIds)],
  );
  return rows.map(({ user_id }) => user_id);
}

/** See `TradeGroups.invitations`. One whose inviter is no contact any more is not shown, and cannot be accepted. */
export async function invitations(
  { pool }: SocialContext,
  userId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<Invitation>> {
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<InvitationRow>(
    `SELECT ${invitationColumns} FROM trade_invitation
     WHERE invitee = $1 AND state = ${invitationCode.open} AND ($2::bigint IS NULL OR id < $2)
       AND EXISTS (SELECT FROM contact
         WHERE user_id = $1 AND other = inviter AND contact.state = ${contactCode.accepted})
     ORDER BY id DESC LIMIT $3`,
    [userId, ...before, limit + 1],
  );
  return { code: 'page', ...pageOf(rows, limit, invitationOf, (row) => [row.id]) };
}

/** See `TradeGroups.answerInvitation`. */
export async function answerInvitation(
  context: TradeContext,
  userId: string,
  id: string,
  accept: boolean,
): Promise<AnswerInvitationResult> {
  if (!conversationIdPattern.test(id)) return { code: 'invitation_not_found' };
  return decide<AnswerInvitationResult>(context, 'answered', async (tx, connection) => {
    const select = async () => {
      const { rows } = await connection.query<InvitationRow>(
        `SELECT ${invitationColumns} FROM trade_invitation WHERE id = $1 AND invitee = $2`,
        [id, userId],
      );
      return rows[0] && invitationOf(rows[0]);
    };
    const found = await select();
    if (found === undefined) return { code: 'invitation_not_found' };
    const { groupId, inviterId } = found;
    const locked = await lockGroup(connection, groupId, kind);
    assert(locked !== undefined, 'groups are never deleted');
    // Again: it may have ended before the lock was got.
    const invitation = (await select()) ?? found;
    const { status } = invitation;
    if (status === (accept ? 'accepted' : 'declined')) return { code: 'answered', invitation };
    if (status !== 'open') return { code: 'invitation_ended' };
    const at = context.now();
    let ended: readonly Invitation[];
    if (accept) {
      if (!(await holdFriendship(connection, inviterId, userId))) {
        return { code: 'invitation_ended' };
      }
      if (locked.members + 1 > groupMembersMax) return { code: 'group_full' };
      ({ invitations: ended } = await admit(connection, groupId, locked, [userId], at));
    } else ended = await endInvitations(connection, groupId, 'declined', [userId], at);
    for (const one of ended) pushInvitation(tx, one, at);
    return { code: 'answered', invitation: ended[0] ?? invitation };
  });
}

interface CandidateRow {
  readonly other: string;
  readonly name: string;
  readonly invited: boolean;
}

/** See `TradeGroups.candidates`. */
export async function candidates(
  context: TradeContext,
  groupId: string,
  userId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<Candidate> | NotOwner> {
  const refusal = await refuseOthers(context, groupId, userId);
  if (refusal !== undefined) return refusal;
  const after = decodeUserCursor(cursor);
  if (after === undefined) return { code: 'bad_cursor' };
  const { rows } = await context.pool.query<CandidateRow>(
    `SELECT other, coalesce(name, other) AS name, EXISTS (SELECT FROM trade_invitation
       WHERE conversation = $2 AND invitee = other AND trade_invitation.state = ${invitationCode.open}) AS invited
     FROM contact LEFT JOIN person ON person.user_id = other
     WHERE contact.user_id = $1 AND contact.state = ${contactCode.accepted} AND other > $3
       AND NOT EXISTS (SELECT FROM member WHERE conversation = $2 AND member.user_id = other)
     ORDER BY other LIMIT $4`,
    [userId, groupId, after, limit + 1],
  );
  const item = ({ other, name, invited }: CandidateRow) => ({ userId: other, name, invited });
  return { code: 'page', ...userPage(rows, limit, item, (row) => row.other) };
}
