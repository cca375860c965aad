/**
 * The base server's side of the product: people, contacts, groups, messages and posts. (E7, E8, E10, E16)
 * Times are ms since the epoch; ids are strings. Texts were checked by the caller and are kept as they are.
 */

/** A user as others see them; `name` is the user id until the user chooses one. */
export interface Profile {
  readonly userId: string;
  readonly name: string;
  readonly about: string;
  readonly createdAt: number;
}

/** `requested` by the user, `asked` of the user. */
export type ContactState = 'requested' | 'asked' | 'accepted' | 'blocked';
export interface Contact {
  readonly userId: string;
  readonly name: string;
  readonly state: ContactState;
  /** When it became so. */
  readonly since: number;
}
/** How a user stands to another after a change; `none`: strangers. */
export interface Standing {
  readonly userId: string;
  readonly state: ContactState | 'none';
}
export type RequestContactResult =
  | { readonly code: 'stands'; readonly standing: Standing }
  /** The user blocks the other one; or is blocked. */
  | { readonly code: 'contact_blocked' | 'contact_refused' };
export type AcceptContactResult =
  | { readonly code: 'stands'; readonly standing: Standing }
  /** Nothing was asked of the user. */
  | { readonly code: 'contact_not_found' };

export interface Group {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly memberCount: number;
  readonly createdAt: number;
}
export interface Member {
  readonly userId: string;
  readonly name: string;
  readonly joinedAt: number;
}
export interface NewGroup {
  readonly ownerId: string;
  readonly name: string;
  /** The owner may be among them. */
  readonly members: readonly string[];
}
export type NotContacts = {
  readonly code: 'not_contacts';
  /** Some of those who are no contacts of the user. */
  readonly userIds: readonly string[];
};
export type CreateGroupResult =
  | { readonly code: 'created'; readonly group: Group }
  | NotContacts
  | { readonly code: 'group_full' };
export type AddMembersResult =
  | { readonly code: 'added'; readonly memberCount: number }
  | NotContacts
  | { readonly code: 'group_not_found' | 'group_full' };
export type RemoveMembersResult =
  | { readonly code: 'removed'; readonly memberCount: number }
  | { readonly code: 'group_not_found' | 'not_owner' };

/** What a message or post leads to: a shared batch. (E7) */
export interface BatchLink {
  readonly batchId: string;
  /** As readers are to see it: absolute. */
  readonly url: string;
}
/** What is shown of a sender's trade beside its link; texts as the platform gave them. (T11) */
export interface ShownTrade {
  readonly title: string;
  /** Minor units. */
  readonly price: number;
  readonly currency: string;
  readonly platform: string;
  /** When it was made. */
  readonly at: number;
}
/** What a message in a trade group leads to: the page of a trade. (T12) */
export interface TradeLink extends ShownTrade {
  readonly tradeId: string;
  /** Ours; leads to the page. */
  readonly url: string;
}
export type MessageLink = BatchLink | TradeLink;
export interface Message {
  /** `<conversation id>-<number>`; numbers rise by one. */
  readonly id: string;
  readonly conversationId: string;
  readonly senderId: string;
  readonly text: string;
  readonly link: MessageLink | undefined;
  /** The message of the same conversation that this one comments on. */
  readonly replyTo: string | undefined;
  readonly createdAt: number;
}
export interface NewMessage {
  readonly senderId: string;
  /** A contact, or a group of the sender's. */
  readonly to: { readonly userId: string } | { readonly groupId: string };
  readonly text: string;
  readonly replyTo?: string | undefined;
  readonly link?: BatchLink | undefined;
}
export type PostMessageResult =
  | { readonly code: 'posted'; readonly message: Message }
  /** No accepted contact, a block included: the two look the same to the sender. */
  | { readonly code: 'not_a_contact' | 'group_not_found' | 'message_not_found' };

export interface Conversation {
  readonly id: string;
  readonly kind: 'direct' | 'group' | 'trade_group';
  /** The other one's, or the group's. */
  readonly name: string;
  /** The other one, when direct. */
  readonly withUserId: string | undefined;
  readonly unread: number;
  readonly lastMessage: Message | undefined;
  /** Newest message, or when the user came in. */
  readonly updatedAt: number;
}
export type MarkReadResult =
  | { readonly code: 'read'; readonly unread: number }
  | { readonly code: 'conversation_not_found' | 'message_not_found' };

/** Feed: friends or chosen friends. Microblog: those, or everybody. (E7) */
export type Place = 'feed' | 'microblog';
/** A list names chosen friends. */
export type Visibility = 'friends' | 'public' | readonly string[];
export interface NewPost {
  readonly place: Place;
  readonly authorId: string;
  /** `public` in the microblog only. */
  readonly visibleTo: Visibility;
  readonly text: string;
  readonly link?: BatchLink | undefined;
}
export interface Post {
  readonly id: string;
  readonly authorId: string;
  readonly authorName: string;
  readonly text: string;
  readonly link: BatchLink | undefined;
  readonly visibility: 'friends' | 'chosen' | 'public';
  readonly createdAt: number;
}
export type PublishResult = { readonly code: 'published'; readonly post: Post } | NotContacts;
