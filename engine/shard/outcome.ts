/** Turns what the core decided into what the gateway is told. */
import type { PacketView } from '../api.ts';
import { assert } from '../core/assert.ts';
import type { Result } from '../core/command.ts';
import type { BatchState } from '../core/state.ts';
import { packetId } from '../core/types.ts';
import type { Outcome } from './request.ts';

function view(
  state: BatchState,
  packet: number,
  position: string,
  showAmount: boolean,
): PacketView {
  const index = packet - 1;
  const receiverId = state.receiverIds[index];
  const claimedAt = state.claimedAt[index];
  assert(receiverId !== undefined && claimedAt !== undefined, 'the packet is claimed');
  const opened = showAmount && state.amounts[index] !== 0;
  return {
    batchId: state.params.id,
    packetId: packetId(state.params.id, packet),
    receiverId,
    claimedAt,
    asset: state.params.asset,
    amount: opened ? state.amounts[index] : undefined,
    openedAt: opened ? state.openedAt[index] : undefined,
    position,
  };
}

/** @param position job id of the actor's newest event */
export function outcomeOf(state: BatchState, result: Result, position: string): Outcome {
  switch (result.code) {
    case 'claimed':
      return {
        code: 'claimed',
        packet: view(state, result.packet, position, true),
        replayed: false,
      };
    case 'replayed':
      return {
        code: 'claimed',
        packet: view(state, result.packet, result.position, result.opened),
        replayed: true,
      };
    case 'repeated':
      return { code: 'repeated', packet: view(state, result.packet, position, true) };
    case 'opened':
      return {
        code: 'opened',
        packet: view(state, result.packet, position, true),
        repeated: result.repeated,
      };
    case 'extended':
      return { code: 'extended', receivers: result.receivers, anyone: result.anyone, position };
    default:
      return { code: result.code } as Outcome;
  }
}
