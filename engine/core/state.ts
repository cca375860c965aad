/**
 * The state of one active batch and how events change it.
 * Guards invariant 6: an event is taken only as the next version.
 */
import { linkKeyLengthMax } from '../limits.ts';
import { asciiInto } from './ascii.ts';
import { assert, assertNever } from './assert.ts';
import { fnv1a } from './hash.ts';
import { PacketTable } from './packet-table.ts';
import { ReceiverTable } from './receiver-table.ts';
import type { BatchEvent, BatchParams, IdempotencyTag } from './types.ts';

/** What was first answered under an idempotency key. */
export interface TagRecord {
  readonly digest: string;
  readonly packet: number;
  readonly position: string;
  /** Whether the first answer already showed the amount. */
  readonly opened: boolean;
}

/** One active batch; amounts in minor units, times in ms since the epoch. (E5, E8, E12, E13) */
export interface BatchState {
  readonly params: BatchParams;
  version: number;
  lastEventAt: number;
  anyone: boolean;
  readonly listed: ReceiverTable;
  readonly packets: PacketTable;
  readonly tags: Map<string, TagRecord>;
  opened: number;
  openedAmount: number;
  expired: boolean;
  refundedAmount: number;
}

/** State right after confirmation (version 0). */
export function emptyState(params: BatchParams, at: number): BatchState {
  // Whoever does not have the link cannot choose ids that collide.
  const seed = fnv1a(params.linkKey);
  return {
    params,
    version: 0,
    lastEventAt: at,
    anyone: false,
    listed: new ReceiverTable(seed),
    packets: new PacketTable(params.count, seed),
    tags: new Map(),
    opened: 0,
    openedAmount: 0,
    expired: false,
    refundedAmount: 0,
  };
}

/** Takes one event that was decided against this very state. */
export function evolve(state: BatchState, event: BatchEvent): void {
  assert(
    event.batchId === state.params.id && event.version === state.version + 1,
    'events come one by one',
  );
  switch (event.kind) {
    case 'claimed':
      addPacket(state, event.packet, event.receiverId, event.at);
      if (event.amount !== undefined) openPacket(state, event.packet, event.amount, event.at);
      if (event.tag !== undefined) {
        assert(event.position !== undefined, 'a tagged claim knows its position');
        remember(state, event.receiverId, event.tag, {
          digest: event.tag.digest,
          packet: event.packet,
          position: event.position,
          opened: event.amount !== undefined,
        });
      }
      break;
    case 'opened':
      openPacket(state, event.packet, event.amount, event.at);
      break;
    case 'audience':
      state.anyone = event.anyone;
      state.listed.add(event.receivers);
      break;
    case 'expired':
      state.expired = true;
      state.refundedAmount = event.refunded;
      break;
    default:
      assertNever(event);
  }
  state.version = event.version;
  state.lastEventAt = event.at;
}

export function addPacket(state: BatchState, packet: number, receiverId: string, at: number): void {
  assert(packet === state.packets.claimed + 1, 'packets are claimed in order');
  state.packets.add(receiverId, at);
}

export function openPacket(state: BatchState, packet: number, amount: number, at: number): void {
  state.packets.open(packet, amount, at);
  state.opened += 1;
  state.openedAmount += amount;
}

/** Name of an idempotency key within a batch: keys are per receiver. */
export function tagName(receiverId: string, key: string): string {
  return `${receiverId}\n${key}`;
}

export function remember(
  state: BatchState,
  receiverId: string,
  tag: IdempotencyTag,
  record: TagRecord,
): void {
  state.tags.set(tagName(receiverId, tag.key), record);
}

const asked = new Uint8Array(linkKeyLengthMax);
const right = new Uint8Array(linkKeyLengthMax);

/** Compares without stopping at the first difference, so that timing tells nothing of the key. */
export function isKeyOfLink(state: BatchState, key: string | undefined): boolean {
  const expected = state.params.linkKey;
  if (key === undefined || key.length !== expected.length) return false;
  const length = asciiInto(key, asked);
  if (length === -1 || asciiInto(expected, right) !== length) return false;
  let difference = 0;
  for (let i = 0; i < length; i += 1) difference |= (asked[i] ?? 0) ^ (right[i] ?? 0);
  return difference === 0;
}
