/**
 * The words of the domain, shared by every layer (E1, E5, E8, E11–E14).
 * Amounts are safe integers in the asset's minor unit; times are milliseconds since the Unix epoch (UTC).
 */
import type { Ids } from './id-list.ts';

/** `lucky`: shares drawn at random from one total. `fixed`: every packet holds `each`. (E1, ¶73–74) */
export type Mode = 'lucky' | 'fixed';

/** The five ways a link reaches receivers. (E7, ¶106–120) */
export type Channel = 'im' | 'group' | 'feed' | 'microblog' | 'qr';

/** What a batch was created with; never changes after confirmation (version 0). (E5, ¶92–97) */
export interface BatchParams {
  /** Decimal string from a Postgres sequence; never a number. */
  readonly id: string;
  readonly mode: Mode;
  /** Number of packets, ≥ 2. */
  readonly count: number;
  /** Sum of all packets, minor units. */
  readonly total: number;
  /** Amount of every packet in `fixed` mode, otherwise undefined. */
  readonly each: number | undefined;
  readonly asset: string;
  readonly greeting: string;
  readonly senderId: string;
  /** Whether a receiver gets at most one packet (E11's third condition, ¶143). */
  readonly oncePerReceiver: boolean;
  /** The secret of the receive link, base64url of ≥ 128 random bits. (E6) */
  readonly linkKey: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A client's `Idempotency-Key` with a digest of what it asked for, kept inside the claim's event. */
export interface IdempotencyTag {
  readonly key: string;
  /** Digest of the request body; another digest under the same key is a misuse. */
  readonly digest: string;
}

interface EventBase {
  readonly batchId: string;
  /** 1, 2, 3 … without a gap within a batch (invariant 6). */
  readonly version: number;
  readonly at: number;
}

/** The link association grew. (E8, ¶121–127) */
export interface AudienceEvent extends EventBase {
  readonly kind: 'audience';
  readonly channel: Channel;
  /** True when anyone holding the link's key may claim from now on. */
  readonly anyone: boolean;
  readonly receivers: Ids;
}

/** A packet went to a receiver; with `amount` it was opened in the same step. (E12, E13) */
export interface ClaimedEvent extends EventBase {
  readonly kind: 'claimed';
  /** 1 … count, in the order of claiming. */
  readonly packet: number;
  readonly receiverId: string;
  readonly amount: number | undefined;
  readonly tag: IdempotencyTag | undefined;
  /** Journal job that carries this event; kept only beside a tag, so that a replay repeats it. */
  readonly position: string | undefined;
}

/** A claimed packet was opened; the k-th open of a batch takes the k-th draw. (E13, E14, ¶148–158) */
export interface OpenedEvent extends EventBase {
  readonly kind: 'opened';
  readonly packet: number;
  readonly receiverId: string;
  readonly amount: number;
}

/** `expiresAt` passed with packets unopened; `refunded` goes back to the sender. */
export interface ExpiredEvent extends EventBase {
  readonly kind: 'expired';
  readonly refunded: number;
}

/** Everything that can happen to an active batch. */
export type BatchEvent = AudienceEvent | ClaimedEvent | OpenedEvent | ExpiredEvent;

/** One packet as stored; amounts are present once opened. */
export interface Packet {
  readonly packet: number;
  readonly receiverId: string;
  readonly claimedAt: number;
  readonly amount: number | undefined;
  readonly openedAt: number | undefined;
  readonly tag: IdempotencyTag | undefined;
  readonly position: string | undefined;
  /** True when the claim's own event carried the amount. */
  readonly openedByClaim: boolean;
}

/** `<batch id>-<packet number>`. */
export function packetId(batchId: string, packet: number): string {
  return `${batchId}-${packet}`;
}

/** The number in a packet id of this batch, or undefined when it is not one. */
export function packetNumber(batchId: string, id: string): number | undefined {
  const prefix = `${batchId}-`;
  if (!id.startsWith(prefix)) return undefined;
  const digits = id.slice(prefix.length);
  return /^[1-9][0-9]{0,9}$/.test(digits) ? Number(digits) : undefined;
}
