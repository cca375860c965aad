/** What the campaign was told over HTTP, and what the server's books say afterwards. Plain data for the checks. */
import type { Asset, PlannedBatch } from './plan.ts';

export type Action = 'claim' | 'claim_and_open' | 'open';

/** What an honest server may answer: a packet, or one of these refusals. */
export type Expectation = 'packet' | 'not_in_audience' | 'bad_key' | 'not_claimed';

/** One answer to a receiver. */
export interface Told {
  readonly receiver: string;
  readonly batchId: string;
  readonly action: Action;
  readonly expected: Expectation;
  readonly status: number;
  /** Problem code; undefined with a packet. */
  readonly code: string | undefined;
  readonly packetId: string | undefined;
  /** Minor units, once opened. */
  readonly amount: number | undefined;
  readonly asset: string | undefined;
  readonly position: string | undefined;
  /** How often the request had to be repeated until somebody knew. */
  readonly retries: number;
}

/** A batch that was funded and is active. */
export interface LiveBatch {
  readonly id: string;
  readonly key: string;
  readonly senderId: string;
  readonly planned: PlannedBatch;
}

export interface Funding {
  /** By user, what the operator deposited. */
  readonly deposits: ReadonlyMap<string, ReadonlyMap<Asset, number>>;
  readonly batches: readonly LiveBatch[];
}

export interface ClaimRow {
  readonly packetId: string;
  readonly receiverId: string;
  readonly amount: number | undefined;
  readonly best: boolean;
}

/** A batch as its sender sees it. */
export interface BatchBook {
  readonly status: string;
  readonly count: number;
  readonly claimed: number;
  readonly opened: number;
  readonly remaining: number;
  readonly total: number;
  readonly openedAmount: number;
  readonly refundedAmount: number;
  readonly claims: readonly ClaimRow[];
}

export interface AuditRow {
  readonly asset: string;
  readonly issued: number;
  readonly users: number;
  readonly escrow: number;
  readonly inFlight: number;
  readonly paidOut: number;
  readonly difference: number;
}

export interface Books {
  readonly batches: ReadonlyMap<string, BatchBook>;
  /** By user and asset: balance plus held. */
  readonly balances: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly audit: {
    readonly assets: readonly AuditRow[];
    readonly pendingEvents: number;
    readonly ok: boolean;
  };
}
