/** Trade groups: made with their first invitations, and the prompts that lead others to them. (T1, T2, T4) */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import { promptsMax } from '../limits.ts';
import { texts } from '../store/arrays.ts';
import { contactCode } from '../social/contacts.ts';
import type { SocialContext } from '../social/context.ts';
import { conversationKind, insertGroup } from '../social/groups.ts';
import { notContacts } from '../social/friends.ts';
import { insertInvitations } from './invitations.ts';
import type { CreateTradeGroupResult, NewTradeGroup, Prompt } from './types.ts';

/** See `TradeGroups.create`. */
export async function create(
  { now }: SocialContext,
  tx: Tx,
  { ownerId, name, invite }: NewTradeGroup,
): Promise<CreateTradeGroupResult> {
  const connection = connectionOf(tx);
  const invitees = [...new Set(invite)].filter((userId) => userId !== ownerId);
  const strangers = await notContacts(connection, ownerId, invitees);
  if (strangers !== undefined) return strangers;
  const at = now();
  const made = { kind: conversationKind.tradeGroup, name, members: [ownerId], at };
  const group = await insertGroup(connection, made);
  const invitations = await insertInvitations(tx, group.id, ownerId, invitees, at);
  return { code: 'created', group, invitations };
}

interface PromptRow {
  readonly owner: string;
  readonly id: number;
  readonly name: string;
  readonly member: boolean;
}

/** See `TradeGroups.prompts`; one statement for a page of contacts. An owner is in its group, unless nobody is. */
export async function prompts(
  { pool }: SocialContext,
  userId: string,
  ownerIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Prompt[]>> {
  const found = new Map<string, Prompt[]>();
  if (ownerIds.length === 0) return found;
  const { rows } = await pool.query<PromptRow>({
    name: 'trade-prompts',
    text: `SELECT contact.other AS owner, shown.id, shown.name,
        EXISTS (SELECT FROM member WHERE member.conversation = shown.id AND member.user_id = $1) AS member
      FROM contact CROSS JOIN LATERAL (
        SELECT id, name FROM conversation
        WHERE owner = contact.other AND kind = ${conversationKind.tradeGroup} AND members > 0
        ORDER BY id DESC LIMIT ${promptsMax}) AS shown
      WHERE contact.user_id = $1 AND contact.other = ANY ($2::text[]) AND contact.state = ${contactCode.accepted}
      ORDER BY owner, shown.id DESC`,
    values: [userId, texts(ownerIds)],
  });
  for (const { owner, id, name, member } of rows) {
    const prompt = { id: String(id), name, member };
    const list = found.get(owner);
    if (list === undefined) found.set(owner, [prompt]);
    else list.push(prompt);
  }
  return found;
}
