/** What the gateway sees of trade groups; one adapter, over Postgres. (T1–T6) */
import type { Page, PageAt, Paged } from '../books/page.ts';
import type { Books, Tx } from '../books/types.ts';
import type { Group, Member, Message, RemoveMembersResult } from '../social/types.ts';
import type {
  AnswerInvitationResult,
  AnswerJoinRequestResult,
  Candidate,
  CreateTradeGroupResult,
  Invitation,
  InviteResult,
  JoinRequest,
  JoinResult,
  NewSettings,
  NewTradeGroup,
  Prompt,
  PutSettingsResult,
  TradeSettings,
} from './types.ts';

/** Of questions that only the owner may ask. */
export type NotOwner = { readonly code: 'group_not_found' } | { readonly code: 'not_owner' };

/**
 * Every promise rejects only on passing faults of Postgres or programmer errors. What takes a `Tx` runs inside the
 * caller's transaction; after a refusal that transaction must be rolled back. Who is not in a group does not learn that
 * it exists.
 */
export interface TradeGroups extends Pick<Books, 'once'> {
  /** The owner is its first member; the others come in when they accept. (T1, T2) */
  create(tx: Tx, input: NewTradeGroup): Promise<CreateTradeGroupResult>;
  /** Trade groups the user is in, newest first. */
  groups(userId: string, at: PageAt): Promise<Paged<Group>>;
  /** One page of its members, by user id; for members only. (T3) */
  group(
    groupId: string,
    userId: string,
    at: PageAt,
  ): Promise<
    | ({ readonly code: 'page'; readonly group: Group } & Page<Member>)
    | { readonly code: 'group_not_found' | 'bad_cursor' }
  >;
  /** The conversation's messages, newest first, from the user's joining on. (T11, T14) */
  messages(
    groupId: string,
    userId: string,
    at: PageAt,
  ): Promise<Paged<Message> | { readonly code: 'conversation_not_found' }>;
  /** The owner removes anybody, a member only itself; who goes shares nothing any more, at once. */
  removeMembers(
    groupId: string,
    userId: string,
    members: readonly string[],
  ): Promise<RemoveMembersResult>;

  /** Contacts of the owner who are not in the group, by user id. (T2) */
  candidates(groupId: string, userId: string, at: PageAt): Promise<Paged<Candidate> | NotOwner>;
  /** The owner's contacts, all or none; again: the same invitation. Who asked to join is let in at once. (T2, T4) */
  invite(
    tx: Tx,
    groupId: string,
    userId: string,
    invitees: readonly string[],
  ): Promise<InviteResult>;
  /** Open ones of the user, newest first. */
  invitations(userId: string, at: PageAt): Promise<Paged<Invitation>>;
  /** Repeated: the same. (T2, T3) */
  answerInvitation(userId: string, id: string, accept: boolean): Promise<AnswerInvitationResult>;

  /** Of these users the groups they own, for a reader who is their contact. (T4) */
  prompts(
    userId: string,
    ownerIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly Prompt[]>>;
  /** Asks the owner, whose contact the user is, to be let in; again: the same request. (T4) */
  requestToJoin(tx: Tx, groupId: string, userId: string): Promise<JoinResult>;
  /** Open ones, newest first; for the owner. */
  joinRequests(groupId: string, userId: string, at: PageAt): Promise<Paged<JoinRequest> | NotOwner>;
  /** Of the owner; repeated: the same. */
  answerJoinRequest(
    groupId: string,
    userId: string,
    id: string,
    approve: boolean,
  ): Promise<AnswerJoinRequestResult>;

  /** What the member shares in the group; undefined for who is not in it. (T5, T6) */
  settings(groupId: string, userId: string): Promise<TradeSettings | undefined>;
  /** Replaces it, all or nothing. */
  putSettings(groupId: string, userId: string, settings: NewSettings): Promise<PutSettingsResult>;

  close(): Promise<void>;
}
