/**
 * The auditor's own idea of one batch: its events in order, and what must be true of each (invariants 1, 4, 6).
 * It shares no code with the engine; only the shapes of events are the engine's.
 */
import type { AudienceEvent, BatchEvent, BatchParams } from '../../../engine/core/types.ts';

/** Something that must never be true. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/**
 * The engine itself says that its store has lost what clients were told: it cannot be repaired, but it was noticed.
 * The run ends here, and is no failure.
 */
export class Noticed extends Error {
  override readonly name = 'Noticed';
}

function listedIn({ receivers }: AudienceEvent): readonly string[] {
  if (!('joined' in receivers)) return receivers;
  return receivers.joined.split(' ').filter((id) => id !== '');
}

export function must(condition: boolean, text: () => string): asserts condition {
  if (!condition) throw new Violation(text());
}

interface PacketRecord {
  readonly userId: string;
  readonly claimedAt: number;
  readonly claimVersion: number;
  readonly tag: { readonly key: string; readonly digest: string } | undefined;
  /** Amount that the claim itself showed. */
  readonly claimAmount: number | undefined;
  amount: number | undefined;
  openedAt: number | undefined;
  openVersion: number;
}

export class History {
  readonly params: BatchParams;
  readonly events: BatchEvent[] = [];
  /** By packet number − 1. */
  readonly packets: PacketRecord[] = [];
  /** Version that listed a user. */
  readonly listedAt = new Map<string, number>();
  /** By version 0, 1, 2 …: how many are listed, and whether anyone is let in. */
  readonly listed: number[] = [0];
  readonly open: boolean[] = [false];
  anyoneAt = Infinity;
  expiredAt = Infinity;
  opens = 0;
  openedAmount = 0;
  refunded = 0;

  constructor(params: BatchParams) {
    this.params = params;
  }

  get version(): number {
    return this.events.length;
  }
  get remaining(): number {
    return this.params.total - this.openedAmount - this.refunded;
  }
  get isEnded(): boolean {
    return this.expiredAt !== Infinity || this.opens === this.params.count;
  }
  get lastClaimAt(): number {
    return this.packets.length < this.params.count
      ? Infinity
      : (this.packets.at(-1)?.claimVersion ?? Infinity);
  }

  packetsOf(userId: string): PacketRecord[] {
    return this.packets.filter((packet) => packet.userId === userId);
  }

  /** Takes the next event; whom it gives how much. */
  take(event: BatchEvent): { readonly userId: string; readonly amount: number } | undefined {
    const { params } = this;
    const where = () => `batch ${params.id} version ${event.version} (${event.kind})`;
    must(
      event.batchId === params.id && event.version === this.version + 1,
      () => `${where()}: gap`,
    );
    must(this.expiredAt === Infinity, () => `${where()}: after expiry`);
    const before = this.events.at(-1)?.at ?? params.createdAt;
    must(event.at >= before, () => `${where()}: time goes back`);
    if (event.kind === 'expired') must(event.at >= params.expiresAt, () => `${where()}: too early`);
    else
      must(
        event.at < params.expiresAt || this.opens === params.count,
        () => `${where()}: too late`,
      );
    this.events.push(event);
    const paid = this.#take(event, where);
    this.listed.push(this.listedAt.size);
    this.open.push(this.anyoneAt !== Infinity);
    return paid;
  }

  #take(event: BatchEvent, where: () => string) {
    const { params } = this;
    switch (event.kind) {
      case 'audience':
        for (const id of listedIn(event))
          if (!this.listedAt.has(id)) this.listedAt.set(id, event.version);
        if (event.anyone) this.anyoneAt = Math.min(this.anyoneAt, event.version);
        return undefined;
      case 'claimed': {
        const { packet, receiverId: userId, tag } = event;
        must(
          packet === this.packets.length + 1 && packet <= params.count,
          () => `${where()}: packet`,
        );
        const earlier = this.packetsOf(userId);
        must(!params.oncePerReceiver || earlier.length === 0, () => `${where()}: second packet`);
        const key = tag?.key;
        must(
          key === undefined || earlier.every((other) => other.tag?.key !== key),
          () => `${where()}: key used twice`,
        );
        must(
          this.listedAt.has(userId) || this.anyoneAt !== Infinity,
          () => `${where()}: ${userId} was not let in`,
        );
        this.packets.push({
          userId,
          claimedAt: event.at,
          claimVersion: event.version,
          tag,
          claimAmount: event.amount,
          amount: undefined,
          openedAt: undefined,
          openVersion: Infinity,
        });
        return event.amount === undefined
          ? undefined
          : this.#openPacket(packet, userId, event.amount, event, where);
      }
      case 'opened':
        return this.#openPacket(event.packet, event.receiverId, event.amount, event, where);
      case 'expired':
        must(this.opens < params.count, () => `${where()}: nothing was left to expire`);
        must(event.refunded === this.remaining, () => `${where()}: refund is not the rest`);
        this.expiredAt = event.version;
        this.refunded = event.refunded;
        return { userId: params.senderId, amount: event.refunded };
    }
  }

  #openPacket(
    number: number,
    userId: string,
    amount: number,
    event: BatchEvent,
    where: () => string,
  ) {
    const packet = this.packets[number - 1];
    must(packet?.userId === userId, () => `${where()}: not the holder`);
    must(packet.amount === undefined, () => `${where()}: opened twice`);
    const behind = this.params.count - this.opens - 1;
    must(Number.isSafeInteger(amount) && amount >= 1, () => `${where()}: amount ${amount}`);
    must(this.remaining - amount >= behind, () => `${where()}: too little stays`);
    must(behind > 0 || amount === this.remaining, () => `${where()}: the last takes the rest`);
    const { each } = this.params;
    must(each === undefined || amount === each, () => `${where()}: not the fixed amount`);
    packet.amount = amount;
    packet.openedAt = event.at;
    packet.openVersion = event.version;
    this.opens += 1;
    this.openedAmount += amount;
    return { userId, amount };
  }
}
