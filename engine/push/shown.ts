/**
 * Pushes as clients see them: fields are named as in the answers of the HTTP interface, times are RFC 3339 UTC. Pure.
 * (E5, E12, ¶144–147)
 */
import { packetId } from '../core/types.ts';
import { shownLink } from '../social/links.ts';
import type { Message } from '../social/types.ts';
import type { Push } from './port.ts';

/** A push without its number. */
export type Told = Omit<Push, 'no'>;

/** What never changes of a confirmed batch. */
export interface ToldBatch {
  readonly id: string;
  readonly mode: string;
  readonly count: number;
  readonly total: number;
  readonly each: number | undefined;
  readonly asset: string;
  readonly greeting: string;
  readonly senderId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A settled event other than `audience`. */
export interface ToldEvent {
  readonly kind: 'claimed' | 'opened' | 'expired';
  readonly at: number;
  readonly packet: number;
  readonly receiverId: string;
  /** Opened or refunded. */
  readonly amount: number | undefined;
}

const time = (ms: number): string => new Date(ms).toISOString();

export function shownGenerated(batch: ToldBatch): Told[] {
  const { id: batchId, mode, count, total, each, asset, greeting, senderId } = batch;
  const data = {
    batchId,
    status: 'active',
    mode,
    count,
    total,
    ...(each === undefined ? {} : { each }),
    asset,
    greeting,
    senderId,
    createdAt: time(batch.createdAt),
    expiresAt: time(batch.expiresAt),
  };
  return [{ type: 'batch.generated', data }];
}

/** A claim that opens tells both, claimed first; the last claim exhausts the batch. */
export function shownToSender(batch: ToldBatch, event: ToldEvent): Told[] {
  const told = shownToReceiver(batch, event);
  const { id: batchId, count, asset } = batch;
  if (event.kind === 'claimed' && event.packet === count) {
    const exhausted = { batchId, status: 'exhausted', count, remaining: 0 };
    told.push({ type: 'batch.exhausted', data: { ...exhausted, exhaustedAt: time(event.at) } });
  }
  if (event.kind !== 'expired') return told;
  const refund = { asset, refundedAmount: event.amount ?? 0 };
  return told.map(({ type, data }) => ({ type, data: { ...data, ...refund } }));
}

/** What a receiver may know: of an expiry not what went back to the sender. */
export function shownToReceiver(batch: ToldBatch, event: ToldEvent): Told[] {
  const { id: batchId, asset } = batch;
  const at = time(event.at);
  if (event.kind === 'expired') {
    return [{ type: 'batch.expired', data: { batchId, status: 'expired', expiredAt: at } }];
  }
  const packet = {
    batchId,
    packetId: packetId(batchId, event.packet),
    receiverId: event.receiverId,
  };
  const told: Told[] = [];
  if (event.kind === 'claimed') {
    told.push({ type: 'packet.claimed', data: { ...packet, status: 'claimed', claimedAt: at } });
  }
  if (event.amount !== undefined) {
    const opened = { status: 'opened', amount: event.amount, asset, openedAt: at };
    told.push({ type: 'packet.opened', data: { ...packet, ...opened } });
  }
  return told;
}

/** As the conversation's page shows it. */
export function shownMessage(message: Message): Told[] {
  const { id, conversationId, senderId, text, link, replyTo, createdAt } = message;
  const data = {
    id,
    conversationId,
    senderId,
    ...shownLink(link),
    text,
    ...(replyTo === undefined ? {} : { replyTo }),
    createdAt: time(createdAt),
  };
  return [{ type: 'message.created', data }];
}
