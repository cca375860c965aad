/**
 * Books: the SQL side of the product that needs no actor: funding, confirmation, pages, accounts, audit.
 * Amounts are safe integers in minor units; times are ms since the epoch; ids are strings.
 */
import type { BatchParams, Channel, IdempotencyTag, Mode } from '../core/types.ts';
import type { EntryKind } from '../store/ledger.ts';
import type { Page, Paged } from './page.ts';

/** An open transaction; only Books looks inside. */
export interface Tx {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** A response worth keeping under an idempotency key. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** False for refusals: the transaction is rolled back and nothing is kept. */
  readonly keep: boolean;
}

/** What became of work under an idempotency key. */
export type OnceResult =
  | {
      readonly code: 'answered';
      readonly status: number;
      readonly body: unknown;
      readonly replayed: boolean;
    }
  | { readonly code: 'idempotency_key_reused' | 'idempotency_in_progress' };

/** An operator credits a user from outside. Amount in minor units, 1 … 2^53−1. */
export interface DepositInput {
  readonly userId: string;
  readonly asset: string;
  readonly amount: number;
  readonly reference: string;
}
/** `balance` is the account's balance right after this deposit, minor units. */
export type DepositResult =
  | { readonly code: 'deposited'; readonly account: string; readonly balance: number }
  /** The reference stands with another user, asset or amount. */
  | { readonly code: 'reference_reused' }
  /** The balance would leave the safe integers. */
  | { readonly code: 'balance_overflow' };

/** A checked request for a batch: limits and threshold were applied by the caller. (E1, E2, E5) */
export interface NewBatch {
  readonly senderId: string;
  readonly mode: Mode;
  readonly count: number;
  readonly total: number;
  readonly each: number | undefined;
  readonly asset: string;
  readonly greeting: string;
  readonly expiresInSeconds: number;
  readonly oncePerReceiver: boolean;
  /** ≥ 128 random bits, base64url; made by the gateway. */
  readonly linkKey: string;
}
/** The new batch's serial number (¶95) and time, ms. */
export interface CreatedBatch {
  readonly id: string;
  readonly createdAt: number;
}

/** What a sender used of a quota, and when the oldest counted one leaves the window. */
export interface QuotaUse {
  readonly used: number;
  readonly freeInMs: number;
}

/** A batch from its confirmation on. (E3–E6) */
export interface ConfirmedBatch extends BatchParams {
  readonly confirmedAt: number;
}
/** (E3, E4, ¶79–91) */
export type ConfirmResult =
  | { readonly code: 'confirmed'; readonly batch: ConfirmedBatch; readonly repeated: boolean }
  | {
      readonly code:
        | 'batch_not_found'
        | 'not_sender'
        | 'insufficient_funds'
        | 'confirmation_expired';
    };

/** (E8) `receivers`: distinct ones now stored. */
export type AddAudienceResult =
  | { readonly code: 'extended'; readonly receivers: number; readonly anyone: boolean }
  | {
      readonly code:
        | 'batch_not_found'
        | 'not_sender'
        | 'audience_full'
        /** Confirmed meanwhile: only the owning actor may change it now. */
        | 'active';
    };

/** As API.md defines them; `expired` only with packets unopened. */
export type BatchStatus = 'awaiting_confirmation' | 'active' | 'exhausted' | 'expired';

/** A batch as Postgres shows it; amounts in minor units, times in ms. (E9, ¶102) */
export interface BatchPage {
  readonly id: string;
  readonly status: BatchStatus;
  readonly mode: Mode;
  readonly count: number;
  readonly claimed: number;
  readonly opened: number;
  /** Not yet claimed. (E9) */
  readonly remaining: number;
  readonly asset: string;
  readonly greeting: string;
  readonly senderId: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly linkKey: string;
  /** The caller is the sender; only then the gateway shows what follows. */
  readonly isSender: boolean;
  readonly total: number;
  readonly each: number | undefined;
  readonly openedAmount: number;
  readonly refundedAmount: number;
}
/** The page, or why the caller does not see it. */
export type BatchPageResult =
  | { readonly code: 'page'; readonly page: BatchPage }
  /** `quarantined`: what is stored is not all that was told; an operator has to repair it. `forbidden`: not sender, listed receiver, packet holder, nor in possession of the link's key. */
  | { readonly code: 'batch_not_found' | 'forbidden' | 'quarantined' };

/** One packet in the list of claims; amount in minor units once opened. */
export interface ClaimItem {
  readonly packetId: string;
  readonly receiverId: string;
  readonly claimedAt: number;
  readonly openedAt: number | undefined;
  readonly amount: number | undefined;
  /** Largest opened amount, once all are opened or the batch has expired; a tie goes to the earlier open. */
  readonly best: boolean;
}
/** Packets in the order of claiming. */
export type ClaimsPageResult =
  | ({ readonly code: 'page' } & Page<ClaimItem>)
  | { readonly code: 'batch_not_found' | 'forbidden' | 'quarantined' | 'bad_cursor' };

/** One account of a user: `balance` spendable, `held` reserved for withdrawals, minor units. (E18) */
export interface AccountView {
  readonly asset: string;
  readonly balance: number;
  readonly held: number;
}
/** One ledger entry of a user, newest first. */
export interface EntryView {
  readonly id: string;
  readonly at: number;
  /** Signed, minor units. */
  readonly amount: number;
  readonly kind: EntryKind;
  /** The other side: `user:<id>`, `escrow:<batch id>` or `outside:<what>`. */
  readonly counterpart: string;
  readonly batchId: string | undefined;
  /** Who sent the batch. */
  readonly senderId: string | undefined;
  readonly withdrawalId: string | undefined;
  /** The card that a withdrawal went to. */
  readonly card: { readonly bank: string; readonly last4: string } | undefined;
  /** The operator's, of a deposit. */
  readonly reference: string | undefined;
  /** Of the account right after this entry, what is held included. */
  readonly balanceAfter: number;
}
/** A batch in its sender's records. */
export interface SentRecord {
  readonly batchId: string;
  readonly status: BatchStatus;
  readonly mode: Mode;
  readonly asset: string;
  readonly count: number;
  readonly claimed: number;
  readonly opened: number;
  readonly total: number;
  readonly openedAmount: number;
  readonly refundedAmount: number;
  readonly greeting: string;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  /** Who had the best luck; as `ClaimItem.best`. */
  readonly best:
    | { readonly packetId: string; readonly receiverId: string; readonly amount: number }
    | undefined;
}
/** A packet in its receiver's records. */
export interface ReceivedRecord {
  readonly batchId: string;
  /** An unopened packet of an expired batch has gone back to the sender. */
  readonly batchStatus: BatchStatus;
  readonly mode: Mode;
  readonly packetId: string;
  readonly senderId: string;
  readonly asset: string;
  readonly greeting: string;
  readonly claimedAt: number;
  readonly openedAt: number | undefined;
  readonly amount: number | undefined;
  /** As `ClaimItem.best`. */
  readonly best: boolean;
}
/** Totals over all pages, per asset: what was opened of so many packets. */
export interface ReceivedTotals {
  readonly asset: string;
  readonly count: number;
  readonly amount: number;
}
/** What so many confirmed batches held, and what became of it so far. */
export interface SentTotals extends ReceivedTotals {
  readonly openedAmount: number;
  readonly refundedAmount: number;
}
/** A page of records with totals over all pages. */
export type RecordsResult<T, Totals> =
  | ({ readonly code: 'page'; readonly totals: readonly Totals[] } & Page<T>)
  | { readonly code: 'bad_cursor' };

/** One asset's sides, each derived from its own records, minor units (invariant 1). */
export interface AuditAsset {
  readonly asset: string;
  readonly issued: number;
  readonly users: number;
  readonly escrow: number;
  readonly inFlight: number;
  readonly paidOut: number;
  /** issued − users − escrow − inFlight − paidOut */
  readonly difference: number;
}
/** The audit of one Postgres snapshot. */
export interface Audit {
  readonly assets: readonly AuditAsset[];
  /** Accounts whose kept balance differs from their entries, or batches from their packets; 0 when all is well. */
  readonly mismatches: number;
  /** Batches in quarantine; undefined when there is none. */
  readonly quarantined?: number | undefined;
}

/** The SQL side of the product; every promise rejects only on passing faults of Postgres or programmer errors. */
export interface Books {
  /**
   * Runs `work` in one transaction and keeps its answer under the user's key, committed together with the effect.
   * "In progress" lives only as long as the connection. Without a tag it is a plain transaction.
   */
  once(
    userId: string,
    /** What the key is for, e.g. `POST /v1/batches`: part of what must be the same. */
    scope: string,
    tag: IdempotencyTag | undefined,
    work: (tx: Tx) => Promise<Answer>,
  ): Promise<OnceResult>;

  /** Credits a user once per reference; the other side is `outside:operator`. Minor units. */
  deposit(tx: Tx, input: DepositInput): Promise<DepositResult>;
  /** Batches the sender created within the window, counted up to `most`; others of the sender wait for `tx` to end. */
  batchQuotaUse(tx: Tx, senderId: string, most: number, windowMs: number): Promise<QuotaUse>;
  /** Stores an unconfirmed batch under a new serial number; no money moves. (E1, E5, ¶92–97) */
  createBatch(tx: Tx, input: NewBatch): Promise<CreatedBatch>;
  /**
   * Moves the total from the sender into the batch's escrow and activates it, in one transaction; never overdraws.
   * Repeated by the sender: the same answer. (E3, E4, ¶79–91; invariant 5)
   */
  confirm(batchId: string, senderId: string): Promise<ConfirmResult>;
  /** Extends the link association of a batch that is not confirmed yet, under its row lock. (E8, ¶121–127) */
  addAudience(
    batchId: string,
    senderId: string,
    channel: Channel,
    receivers: readonly string[],
    anyone: boolean,
  ): Promise<AddAudienceResult>;

  /** What the caller may see of a batch. (E9) */
  batchPage(
    batchId: string,
    callerId: string,
    linkKey: string | undefined,
  ): Promise<BatchPageResult>;
  /** Who claimed and opened, `limit` per page. (E12, E13) */
  claimsPage(
    batchId: string,
    callerId: string,
    linkKey: string | undefined,
    cursor: string | undefined,
    limit: number,
  ): Promise<ClaimsPageResult>;
  /** The user's accounts, by asset. */
  accounts(userId: string): Promise<readonly AccountView[]>;
  /** The user's ledger entries of one asset, newest first. (E14) */
  entries(
    userId: string,
    asset: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<Paged<EntryView>>;
  /** Batches the user sent, newest first, with totals per asset. */
  sent(
    userId: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<RecordsResult<SentRecord, SentTotals>>;
  /** Packets the user received, newest first, with totals per asset. */
  received(
    userId: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<RecordsResult<ReceivedRecord, ReceivedTotals>>;
  /** Derives every side from its own records in one snapshot; reads every row. (invariants 1, 5, 6) */
  audit(): Promise<Audit>;
  /** The same, unless another `auditAlone` of any process is under way: then undefined, at once. */
  auditAlone(): Promise<Audit | undefined>;
  /** Forgets idempotency keys older than limits.idempotencyKeptHours. */
  purge(): Promise<void>;
  /** True when Postgres answers. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}
