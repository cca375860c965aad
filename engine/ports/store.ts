/**
 * Store: what the actor engine needs of Postgres (invariants 1, 2, 4, 6).
 * One adapter over `pg`, one fake; one contract suite for both.
 */
import type { BatchState } from '../core/state.ts';
import type { BatchEvent } from '../core/types.ts';

/** How far an owner's jobs have taken effect. */
export interface OwnerProgress {
  readonly number: number;
  /** Highest seq whose job, and every one before it, has taken effect. */
  readonly settled: number;
  /** Grows by one with each batch quarantined through this owner's jobs. */
  readonly quarantined: number;
}

/** Why an event can never apply, or that it took effect (again). */
export interface Applied {
  /** Events that took effect now. */
  readonly inserted: number;
  /** Events that had taken effect before, with the same content. */
  readonly duplicates: number;
  /** Events that went into quarantine, with all later ones of their batches. */
  readonly quarantined: readonly {
    readonly batchId: string;
    readonly version: number;
    readonly reason: string;
  }[];
  /** Events whose key stood there with other content: an alarm, never applied. */
  readonly conflicts: readonly { readonly batchId: string; readonly version: number }[];
  /** Somebody listens, and has been written to. */
  readonly isHeard: boolean;
}

/** The owner's row, locked for the length of one transaction. */
export interface LockedOwner {
  readonly settled: number;
  /** Of these shards, those sealed above this owner's number: events of theirs are dropped. */
  sealedAbove(shards: readonly number[]): Promise<ReadonlySet<number>>;
  /** Applies events in the order given; set-based; quarantines what can never apply. Passing errors reject. */
  apply(events: readonly BatchEvent[], now: number): Promise<Applied>;
  /** Moves `settled`; `dropped` counts events of sealed shards. */
  advance(settled: number, dropped: number): Promise<void>;
}

/** What a load found; amounts in minor units. */
export type LoadedBatch =
  /** No such batch. */
  | { readonly kind: 'unknown' }
  /** Exists, but was not confirmed when this load began. */
  | { readonly kind: 'not_active' }
  /** Has events in quarantine; answers 503 until an operator repairs it. */
  | { readonly kind: 'quarantined' }
  /** The caller's own from now on. */
  | { readonly kind: 'active'; readonly state: BatchState };

/** A batch past its end. */
export interface Overdue {
  readonly batchId: string;
  readonly expiresAt: number;
}

/** Postgres, as the actor engine uses it. Rejections are passing faults, or an AssertionError where stored rows do not add up. */
export interface Store {
  /** The random id that must also stand in the journal, and whether the journal was bound to it before. */
  journalId(): Promise<{ readonly id: string; readonly bound: boolean }>;
  markBound(): Promise<void>;

  /** Take-over step 0: commits a new owner (a number never used before) with these shards. */
  newOwner(shards: readonly number[]): Promise<number>;
  /** Take-over step 2: earlier owners of any of these shards with number ≥ its `sealed`, ascending. */
  earlierOwners(shards: readonly number[], number: number): Promise<readonly number[]>;
  /**
   * Take-over step 3: under the row locks of `earlier`, raises `sealed` of every shard to `number`.
   * Resolves false, changing nothing, when any shard is sealed above `number`. Sealed at `number` already counts
   * as done, so that a take-over may be repeated under the same number.
   */
  seal(shards: readonly number[], number: number, earlier: readonly number[]): Promise<boolean>;

  /** Locks the owner's row, runs `work` in that transaction, commits (durably) when it resolves. */
  withOwner<T>(number: number, work: (owner: LockedOwner) => Promise<T>): Promise<T>;
  /**
   * Progress without a lock; numbers unknown to Postgres are left out.
   *
   * @param hurry somebody waits for it: whoever settles should not rest now
   */
  progress(numbers: readonly number[], hurry?: boolean): Promise<readonly OwnerProgress[]>;
  /** Batches that went into quarantine through this owner. */
  quarantinedBatches(number: number): Promise<readonly string[]>;

  /** Asserts that versions and packets have no gap (invariant 6) and that packets and counters agree (1). */
  load(batchId: string): Promise<LoadedBatch>;
  /** Active, unended batches of these shards whose `expiresAt` ≤ now, oldest first, those after `after`. */
  overdue(
    shards: readonly number[],
    now: number,
    limit: number,
    after?: Overdue,
  ): Promise<readonly Overdue[]>;
  close(): Promise<void>;
}
