/**
 * What the gateway sees of the actor engine: commands that pass the gate, and the waits of DESIGN's "Reads".
 * Every promise resolves with a typed outcome; a rejection is a programmer error.
 */
import type { Ids } from './core/id-list.ts';
import type { Channel, IdempotencyTag } from './core/types.ts';

/** Nobody knows (yet) what became of the request; repeating it is always safe (invariant 7). 503. */
export interface Unavailable {
  readonly code: 'unknown' | 'overloaded' | 'quarantined';
  readonly retryAfterSeconds: number;
}

/** A packet as its holder may see it. Times in ms since the epoch, amount in minor units once opened. */
export interface PacketView {
  readonly batchId: string;
  readonly packetId: string;
  readonly receiverId: string;
  readonly claimedAt: number;
  readonly asset: string;
  readonly amount: number | undefined;
  readonly openedAt: number | undefined;
  /** Journal job that carries the newest event this answer reveals (API.md `position`). */
  readonly position: string;
}

/** A receiver asks for a packet of a batch. (E11, ¶136–143) */
export interface ClaimRequest {
  readonly batchId: string;
  readonly receiverId: string;
  /** The link's key as the client sent it. */
  readonly linkKey: string | undefined;
  /** Open in the same step. */
  readonly open: boolean;
  readonly tag: IdempotencyTag | undefined;
}

/** In the order of precedence of API.md; the first that holds is the answer. (E11, E12) */
export type ClaimOutcome =
  /** 201 now, or 201 again under the same Idempotency-Key (`replayed`). */
  | { readonly code: 'claimed'; readonly packet: PacketView; readonly replayed: boolean }
  /** 200: claimed before; opened now if asked to and it was not. */
  | { readonly code: 'repeated'; readonly packet: PacketView }
  | {
      readonly code:
        | 'idempotency_key_reused'
        | 'batch_not_found'
        | 'not_active'
        | 'idempotency_key_required'
        | 'expired'
        | 'not_in_audience'
        | 'bad_key'
        | 'exhausted';
    }
  | Unavailable;

/** A receiver opens a packet that was claimed before. (E13, ¶148–155) */
export interface OpenRequest {
  readonly batchId: string;
  readonly receiverId: string;
  /** Without it: the caller's oldest unopened packet, else the last opened. */
  readonly packetId: string | undefined;
}

/** (E13, E14) */
export type OpenOutcome =
  | { readonly code: 'opened'; readonly packet: PacketView; readonly repeated: boolean }
  | { readonly code: 'batch_not_found' | 'not_active' | 'not_claimed' | 'expired' }
  | Unavailable;

/** The sender adds to the link association of a confirmed batch. (E8, ¶121–127) */
export interface AudienceRequest {
  readonly batchId: string;
  readonly senderId: string;
  readonly channel: Channel;
  readonly receivers: Ids;
  readonly anyone: boolean;
  /** Refused with `exhausted` when all packets are claimed. */
  readonly unlessExhausted?: boolean | undefined;
}

/** (E8) `not_active`: not confirmed yet, so the association is still SQL (see Books.addAudience). */
export type AudienceOutcome =
  | {
      readonly code: 'extended';
      /** Distinct receivers now stored. */
      readonly receivers: number;
      readonly anyone: boolean;
      readonly position: string;
    }
  | {
      readonly code:
        | 'batch_not_found'
        | 'not_active'
        | 'not_sender'
        | 'expired'
        | 'exhausted'
        | 'audience_full';
    }
  | Unavailable;

/** What readiness and the metrics say of this process. */
export interface EngineStatus {
  /** Every shard is served here or by another live node, and the journal answers. */
  readonly ready: boolean;
  readonly shardsServed: number;
  readonly reason: string | undefined;
}

/** How a wait for settled events ended. (DESIGN "Reads") */
export type CaughtUp = 'settled' | 'timeout' | 'unknown_position';

/** The actor engine of this process, as the gateway uses it. */
export interface Engine {
  /**
   * Claims a packet, and opens it in the same step if asked to; a repeat gives the same packet, never a second one.
   * Resolves only once the events behind the answer are durable and the shard is still ours, or with
   * `unknown`/`overloaded`/`quarantined`; never rejects for business reasons. Amounts in minor units. (E11–E15)
   */
  claim(request: ClaimRequest): Promise<ClaimOutcome>;
  /**
   * Opens the named packet, else the caller's oldest unopened one, else shows the last opened. Same rules as `claim`.
   * The k-th open of a batch takes the k-th draw. (E13–E15)
   */
  open(request: OpenRequest): Promise<OpenOutcome>;
  /** Adds receivers, or opens the batch to anyone with the link's key. Same rules as `claim`. (E8) */
  extendAudience(request: AudienceRequest): Promise<AudienceOutcome>;
  /**
   * Waits until all that this node acknowledged about the user or batch is settled, and the position `after`
   * (a job id of any node) too; `timeout` after 5 s.
   */
  caughtUp(about: {
    readonly userId?: string;
    readonly batchId?: string;
    readonly after?: string | undefined;
  }): Promise<CaughtUp>;
  /** HTTP address of the other node that holds the batch's shard; undefined when it is for this one. */
  holderUrl(batchId: string): string | undefined;
  /** Newest journal job whose events an answer of this node about the batch has revealed and that is not settled. */
  toldAbout(batchId: string): string | undefined;
  /** Another node answered a request forwarded from here; reads here wait for it as if it were our own answer. */
  noteForwarded(position: string, userId: string, batchId: string): void;
  status(): EngineStatus;
  /** Events acknowledged by this process and not settled yet. */
  pendingEvents(): Promise<number>;
  /** prom-client metrics of every thread, each as `register.getMetricsAsJSON()` gives them. */
  metrics(): Promise<readonly object[]>;
  /** Stops taking requests, flushes, releases what waits, ends the threads. */
  close(): Promise<void>;
}
