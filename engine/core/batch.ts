/**
 * The batch as a state machine: `apply(state, command, inputs)` decides, records at most one event in the state and
 * names the result. No clock, no randomness, no I/O: time, the next share and the journal position come in.
 *
 * Guards invariants 1 (conservation inside a batch) and 6 (versions without a gap), and E11's three conditions.
 */
import { assert, assertNever } from './assert.ts';
import type { BatchEvent, ClaimedEvent, IdempotencyTag } from './types.ts';
import type {
  AudienceCommand,
  ClaimCommand,
  Command,
  Inputs,
  OpenCommand,
  Result,
} from './command.ts';
import { type BatchState, evolve, isKeyOfLink, tagName } from './state.ts';
import { packetNumber } from './types.ts';
import { audienceMax } from '../limits.ts';

/** At most one event, already recorded in the state, and what to tell the caller. */
export interface Applied {
  readonly event: BatchEvent | undefined;
  readonly result: Result;
}

/** What is left for unopened packets, minor units. */
export function remainingAmount(state: BatchState): number {
  return state.params.total - state.openedAmount - state.refundedAmount;
}

/** True once `expiresAt` has passed with packets unopened; a batch that is opened to the end never expires. */
function isOverdue(state: BatchState, now: number): boolean {
  return now >= state.params.expiresAt && state.opened < state.params.count;
}

/** Decides one command and evolves the state by the event, if there is one. */
export function apply(state: BatchState, command: Command, inputs: Inputs): Applied {
  const decided = decide(state, command, inputs);
  if (decided.event !== undefined) evolve(state, decided.event);
  return decided;
}

function decide(state: BatchState, command: Command, inputs: Inputs): Applied {
  assert(inputs.now >= state.lastEventAt, 'an actor never goes back in time');
  switch (command.kind) {
    case 'claim':
      return decideClaim(state, command, inputs);
    case 'open':
      return decideOpen(state, command, inputs);
    case 'audience':
      return decideAudience(state, command, inputs);
    case 'expire':
      return decideExpire(state, inputs);
    default:
      return assertNever(command);
  }
}

function refuse(code: Extract<Result, { readonly plain: true }>['code']): Applied {
  return { event: undefined, result: { code, plain: true } };
}

/** 410 together with the event that makes it true for good. */
function expire(state: BatchState, now: number): Applied {
  if (state.expired) return refuse('expired');
  const event: BatchEvent = {
    kind: 'expired',
    batchId: state.params.id,
    version: state.version + 1,
    at: now,
    refunded: remainingAmount(state),
  };
  return { event, result: { code: 'expired', plain: true } };
}

function decideExpire(state: BatchState, inputs: Inputs): Applied {
  if (state.expired || isOverdue(state, inputs.now)) return expire(state, inputs.now);
  return refuse('not_due');
}

function checkShare(state: BatchState, share: number): number {
  const behind = state.params.count - state.opened - 1;
  assert(Number.isSafeInteger(share) && share >= 1, 'a share is a positive safe integer');
  assert(remainingAmount(state) - share >= behind, 'a share leaves a unit for everyone behind it');
  assert(behind > 0 || share === remainingAmount(state), 'the last share is the rest');
  return share;
}

/**
 * Events are written out, field by field: a spread common part would cost a tenth of a claim.
 *
 * @param receiverId whose packet it is
 */
function openEvent(
  state: BatchState,
  packet: number,
  receiverId: string,
  inputs: Inputs,
): BatchEvent {
  const amount = checkShare(state, inputs.share());
  return {
    kind: 'opened',
    batchId: state.params.id,
    version: state.version + 1,
    at: inputs.now,
    packet,
    receiverId,
    amount,
  };
}

function isOpened(state: BatchState, packet: number): boolean {
  return state.packets.amount(packet) !== 0;
}

/** Order of answers: API.md, `POST …/claims`. */
function decideClaim(state: BatchState, command: ClaimCommand, inputs: Inputs): Applied {
  const { tag, receiverId } = command;
  if (tag !== undefined) {
    const known = state.tags.get(tagName(receiverId, tag.key));
    if (known !== undefined) {
      if (known.digest !== tag.digest) return refuse('idempotency_key_reused');
      const { packet, position, opened } = known;
      // The open flag is no part of what must be the same: it opens a packet that was claimed without it.
      if (command.open && !opened) return repeatClaim(state, packet, command, inputs);
      return { event: undefined, result: { code: 'replayed', packet, position, opened } };
    }
  }
  if (state.params.oncePerReceiver) {
    const packet = state.packets.newestOf(receiverId);
    if (packet > 0) return repeatClaim(state, packet, command, inputs);
  } else if (tag === undefined) {
    return refuse('idempotency_key_required');
  }
  if (state.expired || isOverdue(state, inputs.now)) return expire(state, inputs.now);
  if (!state.listed.has(receiverId)) {
    if (!state.anyone) return refuse('not_in_audience');
    if (!isKeyOfLink(state, command.linkKey)) return refuse('bad_key');
  }
  if (state.packets.claimed === state.params.count) return refuse('exhausted');
  const event = claimEvent(state, receiverId, command.open, tag, inputs);
  return { event, result: { code: 'claimed', packet: event.packet } };
}

function claimEvent(
  state: BatchState,
  receiverId: string,
  open: boolean,
  tag: IdempotencyTag | undefined,
  inputs: Inputs,
): ClaimedEvent {
  return {
    kind: 'claimed',
    batchId: state.params.id,
    version: state.version + 1,
    at: inputs.now,
    packet: state.packets.claimed + 1,
    receiverId,
    amount: open ? checkShare(state, inputs.share()) : undefined,
    tag,
    position: tag === undefined ? undefined : inputs.position,
  };
}

function repeatClaim(
  state: BatchState,
  packet: number,
  { open, receiverId }: ClaimCommand,
  inputs: Inputs,
): Applied {
  const result: Result = { code: 'repeated', packet };
  if (isOpened(state, packet)) return { event: undefined, result };
  if (state.expired || isOverdue(state, inputs.now)) return expire(state, inputs.now);
  return { event: open ? openEvent(state, packet, receiverId, inputs) : undefined, result };
}

/** Order of answers: API.md, `POST …/open`. */
function decideOpen(state: BatchState, command: OpenCommand, inputs: Inputs): Applied {
  const { receiverId } = command;
  const mine = state.packets.allOf(receiverId);
  const packet = choosePacket(state, mine, command.packetId);
  if (packet === undefined) return refuse('not_claimed');
  if (isOpened(state, packet))
    return { event: undefined, result: { code: 'opened', packet, repeated: true } };
  if (state.expired || isOverdue(state, inputs.now)) return expire(state, inputs.now);
  const event = openEvent(state, packet, receiverId, inputs);
  return { event, result: { code: 'opened', packet, repeated: false } };
}

/** The named packet if it is the caller's; else the oldest unopened; else the one opened last. */
function choosePacket(
  state: BatchState,
  mine: readonly number[],
  packetId: string | undefined,
): number | undefined {
  if (packetId !== undefined) {
    const packet = packetNumber(state.params.id, packetId);
    return packet !== undefined && mine.includes(packet) ? packet : undefined;
  }
  let latest: number | undefined;
  for (const packet of mine) {
    if (!isOpened(state, packet)) return packet;
    const openedLater =
      latest === undefined || state.packets.openedAt(packet) >= state.packets.openedAt(latest);
    if (openedLater) latest = packet;
  }
  return latest;
}

function decideAudience(state: BatchState, command: AudienceCommand, inputs: Inputs): Applied {
  if (command.senderId !== state.params.senderId) return refuse('not_sender');
  if (state.expired || isOverdue(state, inputs.now)) return expire(state, inputs.now);
  const { claimed } = state.packets;
  if (command.unlessExhausted === true && claimed === state.params.count)
    return refuse('exhausted');
  const fresh = state.listed.missing(command.receivers);
  const receivers = state.listed.size + fresh.count;
  if (receivers > audienceMax) return refuse('audience_full');
  const anyone = state.anyone || command.anyone;
  const result: Result = { code: 'extended', receivers, anyone };
  if (fresh.count === 0 && anyone === state.anyone) return { event: undefined, result };
  const event: BatchEvent = {
    kind: 'audience',
    batchId: state.params.id,
    version: state.version + 1,
    at: inputs.now,
    channel: command.channel,
    anyone,
    receivers: fresh.ids,
  };
  return { event, result };
}
