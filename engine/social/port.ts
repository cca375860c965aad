/** What the gateway sees of the base server; one adapter, over Postgres. (E7, E8, E10, E16) */
import type { Page, PageAt, Paged } from '../books/page.ts';
import type { Books, Tx } from '../books/types.ts';
import type { Addressees, AudienceResult } from './audience.ts';
import type {
  AcceptContactResult,
  AddMembersResult,
  Contact,
  ContactState,
  Conversation,
  CreateGroupResult,
  Group,
  MarkReadResult,
  Member,
  Message,
  NewGroup,
  NewMessage,
  NewPost,
  Place,
  Post,
  PostMessageResult,
  Profile,
  PublishResult,
  RemoveMembersResult,
  RequestContactResult,
  Standing,
} from './types.ts';

/**
 * Every promise rejects only on passing faults of Postgres or programmer errors. What takes a `Tx` runs inside the
 * caller's transaction, of this port or of Books; after a refusal that transaction must be rolled back.
 */
export interface Social extends Pick<Books, 'once'> {
  /** The user's own profile; it comes into being here. */
  me(userId: string): Promise<Profile>;
  /** Replaces it. */
  setProfile(userId: string, name: string, about: string): Promise<Profile>;

  /** The user's contacts in the order of their ids, those of one state or all. */
  contacts(userId: string, state: ContactState | undefined, at: PageAt): Promise<Paged<Contact>>;
  /** Asks `otherId`, who need not have been here yet; two requests that cross make friends. */
  requestContact(tx: Tx, userId: string, otherId: string): Promise<RequestContactResult>;
  /** Repeated: the same. */
  acceptContact(userId: string, otherId: string): Promise<AcceptContactResult>;
  /** Ends a friendship, withdraws or declines a request; a block stays. */
  removeContact(userId: string, otherId: string): Promise<Standing>;
  /** Ends whatever was, and lets nothing new come from `otherId` until `unblockContact`. */
  blockContact(userId: string, otherId: string): Promise<Standing>;
  /** Leaves strangers. */
  unblockContact(userId: string, otherId: string): Promise<Standing>;
  /** Whom a share reaches, as of now; of groups members only may ask. (E7, E8) */
  audienceOf(senderId: string, to: Addressees): Promise<AudienceResult>;
  /**
   * Members who may have come in since the group's message `lastNo`, others among them. Asked in the transaction that
   * has posted, so under the conversation's lock: whoever comes in later does not see what was posted. (E8)
   */
  newcomers(tx: Tx, groupId: string, lastNo: number): Promise<readonly string[]>;

  createGroup(tx: Tx, input: NewGroup): Promise<CreateGroupResult>;
  /** Groups the user is in, newest first. */
  groups(userId: string, at: PageAt): Promise<Paged<Group>>;
  /** A group and one page of its members, in the order of their ids; for members only. */
  group(
    groupId: string,
    userId: string,
    at: PageAt,
  ): Promise<
    | ({ readonly code: 'page'; readonly group: Group } & Page<Member>)
    | { readonly code: 'group_not_found' | 'bad_cursor' }
  >;
  /** A member brings contacts in; who is in already may be named again. All or none. */
  addMembers(
    tx: Tx,
    groupId: string,
    userId: string,
    members: readonly string[],
  ): Promise<AddMembersResult>;
  /** The owner removes anybody, a member only itself. An owner who leaves hands over to the longest-standing member. */
  removeMembers(
    groupId: string,
    userId: string,
    members: readonly string[],
  ): Promise<RemoveMembersResult>;

  /** One row and two counters, however many members; locks the conversation until the transaction ends. (E7, E10) */
  postMessage(tx: Tx, input: NewMessage): Promise<PostMessageResult>;
  /** Conversations of the user, the one with the newest message first. */
  conversations(userId: string, at: PageAt): Promise<Paged<Conversation>>;
  /** Newest first, from the user's joining on; for members only. */
  messages(
    conversationId: string,
    userId: string,
    at: PageAt,
  ): Promise<Paged<Message> | { readonly code: 'conversation_not_found' }>;
  /** Everything up to that message is read; never goes back. */
  markRead(conversationId: string, userId: string, messageId: string): Promise<MarkReadResult>;

  /**
   * Publishes a post. Chosen friends are those named now, as long as they are friends; `friends` are those of the moment
   * of reading, so that a new friend sees what was said to friends, an ended friendship sees nothing, and 100,000 friends
   * cost no row. With a link they see it only if they are in the batch's stored audience: nobody is shown packets that
   * refuse him. (E7, E8)
   */
  publish(tx: Tx, input: NewPost): Promise<PublishResult>;
  /** Posts the reader may see, newest first; none between people of whom one blocks the other. */
  timeline(place: Place, readerId: string, at: PageAt): Promise<Paged<Post>>;

  close(): Promise<void>;
}
