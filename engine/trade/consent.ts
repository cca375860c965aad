/**
 * Invitations and join requests as rows, and what becomes of them when somebody comes in. They are written only under the
 * lock of their group's row, so each has one end. (T2–T4)
 */
import type { Tx } from '../books/types.ts';
import { pushAtEnd } from '../books/context.ts';
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { letIn, type LockedGroup } from '../social/members.ts';
import type { Invitation, InvitationStatus, JoinRequest, JoinRequestStatus } from './types.ts';

/** Stored numbers; never renumber. */
export const invitationCode = { open: 1, accepted: 2, declined: 3, withdrawn: 4 } as const;
export const requestCode = { open: 1, approved: 2, declined: 3, withdrawn: 4 } as const;
const invitationStatuses = Object.keys(invitationCode) as InvitationStatus[];
const requestStatuses = Object.keys(requestCode) as JoinRequestStatus[];

interface ConsentRow {
  readonly id: number;
  readonly conversation: number;
  readonly group_name: string;
  readonly state: number;
  readonly at: number;
  readonly ended_at: number | null;
}
export interface InvitationRow extends ConsentRow {
  readonly inviter: string;
  readonly invitee: string;
}
export interface RequestRow extends ConsentRow {
  readonly user_id: string;
}

const shared = (row: ConsentRow) => ({
  id: String(row.id),
  groupId: String(row.conversation),
  groupName: row.group_name,
  createdAt: row.at,
  endedAt: row.ended_at ?? undefined,
});
export const invitationOf = (row: InvitationRow): Invitation => ({
  ...shared(row),
  inviterId: row.inviter,
  inviteeId: row.invitee,
  status: invitationStatuses[row.state - 1] ?? 'withdrawn',
});
export const requestOf = (row: RequestRow): JoinRequest => ({
  ...shared(row),
  userId: row.user_id,
  status: requestStatuses[row.state - 1] ?? 'withdrawn',
});

/** Columns of a row, with the name of its group. */
const common = (table: string) =>
  `${table}.id, conversation, state, at, ended_at,
   (SELECT name FROM conversation WHERE conversation.id = ${table}.conversation) AS group_name`;
export const invitationColumns = `${common('trade_invitation')}, inviter, invitee`;
export const requestColumns = `${common('trade_join_request')}, user_id`;

/** Ends open ones of these users, or of all; gives those that were. */
export async function endInvitations(
  connection: Connection,
  groupId: string,
  status: Exclude<InvitationStatus, 'open'>,
  userIds: readonly string[] | undefined,
  at: number,
): Promise<readonly Invitation[]> {
  const { rows } = await connection.query<InvitationRow>(
    `UPDATE trade_invitation SET state = $2, ended_at = $3
     WHERE conversation = $1 AND state = ${invitationCode.open} AND ($4::text[] IS NULL OR invitee = ANY ($4))
     RETURNING ${invitationColumns}`,
    [groupId, invitationCode[status], at, userIds === undefined ? null : texts(userIds)],
  );
  return rows.map(invitationOf);
}

/** Ends open ones of these users, or of all; gives those that were. */
export async function endRequests(
  connection: Connection,
  groupId: string,
  status: Exclude<JoinRequestStatus, 'open'>,
  userIds: readonly string[] | undefined,
  at: number,
): Promise<readonly JoinRequest[]> {
  const { rows } = await connection.query<RequestRow>(
    `UPDATE trade_join_request SET state = $2, ended_at = $3
     WHERE conversation = $1 AND state = ${requestCode.open} AND ($4::text[] IS NULL OR user_id = ANY ($4))
     RETURNING ${requestColumns}`,
    [groupId, requestCode[status], at, userIds === undefined ? null : texts(userIds)],
  );
  return rows.map(requestOf);
}

/** Lets these users in and ends what was open of them. Under the group's lock; there is room for them. */
export async function admit(
  connection: Connection,
  groupId: string,
  locked: LockedGroup,
  userIds: readonly string[],
  at: number,
): Promise<{
  readonly invitations: readonly Invitation[];
  readonly requests: readonly JoinRequest[];
}> {
  await letIn(connection, groupId, locked, userIds, at);
  return {
    invitations: await endInvitations(connection, groupId, 'accepted', userIds, at),
    requests: await endRequests(connection, groupId, 'approved', userIds, at),
  };
}

const time = (ms: number) => new Date(ms).toISOString();
const timed = (item: Invitation | JoinRequest): Readonly<Record<string, unknown>> => ({
  ...item,
  createdAt: time(item.createdAt),
  endedAt: item.endedAt === undefined ? undefined : time(item.endedAt),
});

/** To the invitee when it is new or withdrawn, else to the inviter. */
export function pushInvitation(tx: Tx, invitation: Invitation, at: number): void {
  const { status, inviterId, inviteeId } = invitation;
  const type = status === 'open' ? 'invitation.created' : 'invitation.updated';
  const user = status === 'open' || status === 'withdrawn' ? inviteeId : inviterId;
  pushAtEnd(tx, { kind: 'told', users: [user], type, data: timed(invitation) }, at);
}

/** To the owner when it is new, else to who asked. */
export function pushRequest(tx: Tx, request: JoinRequest, ownerId: string, at: number): void {
  const type = request.status === 'open' ? 'join_request.created' : 'join_request.updated';
  const user = request.status === 'open' ? ownerId : request.userId;
  pushAtEnd(tx, { kind: 'told', users: [user], type, data: timed(request) }, at);
}
