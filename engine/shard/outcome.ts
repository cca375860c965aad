/** Turns what the core decided into what the gateway is told. */
import type { PacketView } from '../api.ts';
import type { Result } from '../core/command.ts';
import type { BatchState } from '../core/state.ts';
import { packetId } from '../core/types.ts';
import type { Outcome } from './request.ts';

function view(
  state: BatchState,
  packet: number,
  receiverId: string,
  position: string,
  showAmount: boolean,
): PacketView {
  const { params, packets } = state;
  const amount = showAmount ? packets.amount(packet) : 0;
  return {
    batchId: params.id,
    packetId: packetId(params.id, packet),
    receiverId,
    claimedAt: packets.claimedAt(packet),
    asset: params.asset,
    amount: amount === 0 ? undefined : amount,
    openedAt: amount === 0 ? undefined : packets.openedAt(packet),
    position,
  };
}

/**
 * @param receiverId who asked: nobody is shown a packet of somebody else
 * @param position job id of the actor's newest event
 */
export function outcomeOf(
  state: BatchState,
  result: Result,
  receiverId: string,
  position: string,
): Outcome {
  switch (result.code) {
    case 'claimed':
      return {
        code: 'claimed',
        packet: view(state, result.packet, receiverId, position, true),
        replayed: false,
      };
    case 'replayed':
      return {
        code: 'claimed',
        packet: view(state, result.packet, receiverId, result.position, result.opened),
        replayed: true,
      };
    case 'repeated':
      return { code: 'repeated', packet: view(state, result.packet, receiverId, position, true) };
    case 'opened':
      return {
        code: 'opened',
        packet: view(state, result.packet, receiverId, position, true),
        repeated: result.repeated,
      };
    case 'extended':
      return { code: 'extended', receivers: result.receivers, anyone: result.anyone, position };
    default:
      return { code: result.code } as Outcome;
  }
}
