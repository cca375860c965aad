/**
 * A state built from what is stored, row by row: a million stored packets are never a million objects here.
 * Guards invariants 1 and 6 at a load: what is stored must add up.
 */
import { assert } from './assert.ts';
import { addPacket, emptyState, openPacket, remember, type BatchState } from './state.ts';
import type { BatchParams, IdempotencyTag } from './types.ts';

/** What is stored of a batch beside its packets and listed receivers. */
export interface StoredBatch {
  readonly params: BatchParams;
  /** Newest settled version; 0 right after confirmation. */
  readonly version: number;
  /** Time of the newest settled event, or of the confirmation. */
  readonly lastEventAt: number;
  readonly anyone: boolean;
  readonly claimed: number;
  readonly opened: number;
  readonly openedAmount: number;
  readonly expired: boolean;
  readonly refundedAmount: number;
}

/** The state before its packets, which must follow in the order of claiming. */
export function beginRestore(stored: StoredBatch): BatchState {
  const state = emptyState(stored.params, stored.lastEventAt);
  state.version = stored.version;
  state.anyone = stored.anyone;
  state.expired = stored.expired;
  state.refundedAmount = stored.refundedAmount;
  state.packets.reserve(stored.claimed);
  return state;
}

/** @param amount 0 while the packet is unopened */
export function restorePacket(
  state: BatchState,
  receiverId: string,
  claimedAt: number,
  amount: number,
  openedAt: number,
): void {
  const packet = state.packets.claimed + 1;
  addPacket(state, packet, receiverId, claimedAt);
  if (amount !== 0) openPacket(state, packet, amount, openedAt);
}

/** @param opened whether the claim's own event carried the amount */
export function restoreTag(
  state: BatchState,
  packet: number,
  tag: IdempotencyTag,
  position: string | undefined,
  opened: boolean,
): void {
  assert(position !== undefined, 'a tagged claim keeps its position');
  const receiverId = state.packets.receiverId(packet);
  remember(state, receiverId, tag, { digest: tag.digest, packet, position, opened });
}

/** All packets are there: they must say what the batch's own counters say. */
export function endRestore(state: BatchState, stored: StoredBatch): BatchState {
  const { params, packets, opened, openedAmount, refundedAmount, expired } = state;
  const agree =
    packets.claimed === stored.claimed &&
    opened === stored.opened &&
    openedAmount === stored.openedAmount;
  assert(agree, `batch ${params.id}: its counters differ from its packets`);
  const remaining = params.total - openedAmount - refundedAmount;
  const unopened = params.count - opened;
  const whole = expired || unopened === 0 ? remaining === 0 : remaining >= unopened;
  assert(whole, `batch ${params.id}: ${remaining} is left for ${unopened} packets`);
  return state;
}
