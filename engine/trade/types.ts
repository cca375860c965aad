/**
 * Trade groups as the gateway sees them: groups that one joins with consent, and what each member shares in them.
 * Times are ms since the epoch, prices in minor units, ids strings. (T1–T7)
 */
import type { Group, NotContacts } from '../social/types.ts';
import type { TradePath } from '../trade-http/config.ts';

/**
 * What a trade must be like to be of a type. Without `categories` and `keywords` the price alone decides; with them one
 * hit among them is needed, and the price as well. Words are compared in NFKC and without regard to case. (T7, ¶82)
 */
export interface Criteria {
  /** A category of the trade is one of these. */
  readonly categories?: readonly string[] | undefined;
  /** Title or a category holds one of these. */
  readonly keywords?: readonly string[] | undefined;
  readonly price?: PriceRange | undefined;
}
/** Minor units, both ends included; without `currency` of whatever currency the trade is. */
export interface PriceRange {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly currency?: string | undefined;
}

/** A type that a member chose: a system type by its name alone, or an own one. (T6, ¶81) */
export interface SharedType {
  readonly name: string;
  readonly criteria?: Criteria | undefined;
}

/** A type with what it means. */
export interface KnownType {
  readonly name: string;
  readonly criteria: Criteria;
}

/** An account as its owner gives it. (T5, ¶80) */
export interface GivenAccount {
  readonly platform: string;
  readonly account: string;
  /** Left out for one that is known: the stored one stays. */
  readonly secret?: string | undefined;
}
/** … and sees it; the secret never comes back. */
export interface AccountView {
  readonly platform: string;
  readonly account: string;
  readonly hasSecret: boolean;
  /** How its trades come; undefined: in no way, the platform is not connected any more. */
  readonly path: TradePath | undefined;
  /** Why it is not polled any more; undefined: it is active. */
  readonly stopped: string | undefined;
}
export interface TradeSettings {
  readonly accounts: readonly AccountView[];
  /** Empty: every trade is shared. (¶80) */
  readonly types: readonly SharedType[];
}
export interface NewSettings {
  readonly accounts: readonly GivenAccount[];
  readonly types: readonly SharedType[];
}

export interface NewTradeGroup {
  readonly ownerId: string;
  readonly name: string;
  /** At least one other than the owner. */
  readonly invite: readonly string[];
}
/** `withdrawn`: its group has another owner now. */
export type InvitationStatus = 'open' | 'accepted' | 'declined' | 'withdrawn';
export interface Invitation {
  readonly id: string;
  readonly groupId: string;
  readonly groupName: string;
  readonly inviterId: string;
  readonly inviteeId: string;
  readonly status: InvitationStatus;
  readonly createdAt: number;
  readonly endedAt: number | undefined;
}
export type JoinRequestStatus = 'open' | 'approved' | 'declined' | 'withdrawn';
export interface JoinRequest {
  readonly id: string;
  readonly groupId: string;
  readonly groupName: string;
  readonly userId: string;
  readonly status: JoinRequestStatus;
  readonly createdAt: number;
  readonly endedAt: number | undefined;
}
/** A contact whom the owner may invite. (T2, ¶77) */
export interface Candidate {
  readonly userId: string;
  readonly name: string;
  readonly invited: boolean;
}
/** Stands beside its creator in a contact list. (T4, ¶79) */
export interface Prompt {
  readonly id: string;
  readonly name: string;
  /** The reader is in it: it opens; otherwise it asks to be let in. */
  readonly member: boolean;
}

export type CreateTradeGroupResult =
  | {
      readonly code: 'created';
      readonly group: Group;
      readonly invitations: readonly Invitation[];
    }
  | NotContacts;
/** Who is in already is passed over. */
export type InviteResult =
  | { readonly code: 'invited'; readonly invitations: readonly Invitation[] }
  | NotContacts
  | { readonly code: 'group_not_found' | 'not_owner' | 'group_full' };
export type AnswerInvitationResult =
  /** Now or before. */
  | { readonly code: 'answered'; readonly invitation: Invitation }
  /** `invitation_ended`: answered otherwise, withdrawn, or its inviter is no contact any more. */
  | { readonly code: 'invitation_not_found' | 'invitation_ended' | 'group_full' };
export type JoinResult =
  /** Approved at once where the user was invited. */
  | { readonly code: 'requested'; readonly request: JoinRequest }
  /** `group_not_found`: no prompt shows for this user. */
  | { readonly code: 'group_not_found' | 'already_member' | 'group_full' };
export type AnswerJoinRequestResult =
  | { readonly code: 'answered'; readonly request: JoinRequest }
  | {
      readonly code:
        | 'group_not_found'
        | 'not_owner'
        | 'join_request_not_found'
        | 'join_request_ended'
        | 'group_full';
    };
/** What is wrong with one entry of the settings; `field` as in the request. */
export interface WrongSetting {
  readonly field: string;
  readonly message: string;
}
export type PutSettingsResult =
  | { readonly code: 'put'; readonly settings: TradeSettings }
  | { readonly code: 'wrong_settings'; readonly errors: readonly WrongSetting[] }
  /** There are no keys to seal secrets with; the member shares in too many groups, or too many accounts. */
  | { readonly code: 'group_not_found' | 'secrets_not_configured' | 'sharing_full' };
