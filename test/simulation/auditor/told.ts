/** One answer that a client got, and what must hold in the batch's order of events for it to be true. */
import type { PacketView } from '../../../engine/api.ts';
import type { Outcome } from '../../../engine/shard/request.ts';
import type { Operation } from '../workload.ts';
import { must, type History } from './history.ts';

export interface Told {
  readonly operation: Operation;
  readonly outcome: Outcome;
  /** Moments in the auditor's own count. */
  readonly askedAt: number;
  readonly toldAt: number;
}

/** Versions of the batch at which the answer was true; exactly one for what the request itself decided. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

function describe({ operation, outcome }: Told): string {
  const asked = JSON.stringify({ ...operation, route: undefined });
  return `told ${JSON.stringify(outcome)} to ${asked}`;
}

/** Versions at which the user was not let in by list. */
function unlistedUntil(history: History, userId: string): number {
  return Math.min(history.listedAt.get(userId) ?? Infinity, history.expiredAt);
}

function packetOf(history: History, told: Told, view: PacketView) {
  const { params } = history;
  const number = Number(view.packetId.slice(params.id.length + 1));
  const packet = history.packets[number - 1];
  const where = () => `${describe(told)}, but packet ${number} is ${JSON.stringify(packet)}`;
  must(view.packetId === `${params.id}-${number}` && packet !== undefined, where);
  must(packet.userId === told.operation.userId && view.receiverId === packet.userId, where);
  must(view.claimedAt === packet.claimedAt && view.asset === params.asset, where);
  if (view.amount !== undefined)
    must(view.amount === packet.amount && view.openedAt === packet.openedAt, where);
  return packet;
}

function spanOfPacket(history: History, told: Told): Span {
  const { operation, outcome } = told;
  const last = history.version;
  if (!('packet' in outcome)) throw new Error('not an answer about a packet');
  const packet = packetOf(history, told, outcome.packet);
  const shown = outcome.packet.amount;
  if (outcome.code === 'claimed') {
    must(operation.kind === 'claim', () => describe(told));
    must(shown === packet.claimAmount, () => `${describe(told)}: another amount than the first`);
    const exact = { from: packet.claimVersion, to: packet.claimVersion };
    if (!outcome.replayed) return exact;
    must(packet.tag?.key === operation.tag?.key, () => `${describe(told)}: another key's packet`);
    return { from: packet.claimVersion, to: last };
  }
  if (outcome.code === 'repeated') {
    must(operation.kind === 'claim', () => describe(told));
    must(!operation.open || shown !== undefined, () => `${describe(told)}: not opened`);
    if (shown !== undefined) return { from: packet.openVersion, to: last };
    const to = Math.min(packet.openVersion, history.expiredAt) - 1;
    return { from: packet.claimVersion, to };
  }
  must(shown !== undefined, () => `${describe(told)}: no amount`);
  return { from: packet.openVersion, to: outcome.repeated ? last : packet.openVersion };
}

function spanOfExtended(history: History, told: Told): Span {
  const { operation, outcome } = told;
  must(outcome.code === 'extended' && operation.kind === 'audience', () => describe(told));
  const listedAt = Math.max(
    0,
    ...operation.receivers.map((id) => history.listedAt.get(id) ?? Infinity),
  );
  let from = Infinity;
  let to = -1;
  for (const [version, listed] of history.listed.entries()) {
    if (version < listedAt || version >= history.expiredAt) continue;
    if (listed !== outcome.receivers || history.open[version] !== outcome.anyone) continue;
    from = Math.min(from, version);
    to = version;
  }
  return { from, to };
}

function spanOfExpired(history: History, told: Told): Span {
  const { operation } = told;
  const mine = history.packetsOf(operation.userId);
  const unopened = mine.some((packet) => packet.amount === undefined);
  if (operation.kind === 'open')
    must(unopened, () => `${describe(told)}: there was nothing left to open`);
  if (operation.kind === 'claim' && history.params.oncePerReceiver)
    must(mine.length === 0 || unopened, () => `${describe(told)}: it was opened`);
  return { from: history.expiredAt, to: history.version };
}

function spanOfNotClaimed(history: History, told: Told): Span {
  const { operation } = told;
  must(operation.kind === 'open', () => describe(told));
  const mine = history.packets.flatMap((packet, i) => {
    const named =
      operation.packetId === undefined || operation.packetId === `${history.params.id}-${i + 1}`;
    return named && packet.userId === operation.userId ? [packet.claimVersion] : [];
  });
  return { from: 0, to: Math.min(Infinity, ...mine) - 1 };
}

/** @throws Violation when the answer is true at no version */
export function spanOf(history: History, told: Told): Span {
  const { operation, outcome } = told;
  const { userId } = operation;
  const claims = history.packetsOf(userId).map((packet) => packet.claimVersion);
  /** A receiver of one packet is never refused once it has it. */
  const refusedUntil = history.params.oncePerReceiver ? Math.min(Infinity, ...claims) : Infinity;
  switch (outcome.code) {
    case 'claimed':
    case 'repeated':
    case 'opened':
      return spanOfPacket(history, told);
    case 'extended':
      return spanOfExtended(history, told);
    case 'expired':
      return spanOfExpired(history, told);
    case 'exhausted':
      return { from: history.lastClaimAt, to: Math.min(refusedUntil, history.expiredAt) - 1 };
    case 'not_in_audience': {
      const until = Math.min(unlistedUntil(history, userId), history.anyoneAt, refusedUntil);
      return { from: 0, to: until - 1 };
    }
    case 'bad_key':
      must(
        operation.kind === 'claim' && operation.linkKey !== history.params.linkKey,
        () => `${describe(told)}: the key was right`,
      );
      return { from: history.anyoneAt, to: unlistedUntil(history, userId) - 1 };
    case 'not_claimed':
      return spanOfNotClaimed(history, told);
    case 'not_sender':
      must(userId !== history.params.senderId, () => describe(told));
      return { from: 0, to: history.version };
    case 'idempotency_key_required':
      must(
        operation.kind === 'claim' &&
          operation.tag === undefined &&
          !history.params.oncePerReceiver,
        () => describe(told),
      );
      return { from: 0, to: history.version };
    case 'idempotency_key_reused': {
      const used = history
        .packetsOf(userId)
        .find(
          ({ tag }) =>
            operation.kind === 'claim' &&
            tag?.key === operation.tag?.key &&
            tag?.digest !== operation.tag?.digest,
        );
      return { from: used?.claimVersion ?? Infinity, to: history.version };
    }
    default:
      return { from: Infinity, to: -1 };
  }
}

export { describe as describeTold };
