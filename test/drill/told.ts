/** The evidence, arranged by packet and by receiver. */
import type { Ask, Heard } from './evidence.ts';

/** One answer that named a packet. */
export interface Telling {
  readonly heard: Heard;
  readonly packetId: string;
  readonly user: string;
  readonly amount: number | undefined;
  readonly position: string | undefined;
}

/** A claim or open that was answered: who asked what, in the order of hearing. */
export interface ToldIndex {
  readonly byPacket: ReadonlyMap<string, readonly Telling[]>;
  readonly byUser: ReadonlyMap<string, readonly Telling[]>;
  readonly byBatch: ReadonlyMap<string, readonly Telling[]>;
  /** Answers to claims and opens by `claimant`. */
  readonly byClaimant: ReadonlyMap<string, readonly Heard[]>;
  readonly tellings: readonly Telling[];
}

/** Who may hold one packet: receiver and batch, and the key where a receiver may hold several. */
export function claimant({ batch, user, key }: Pick<Ask, 'batch' | 'user' | 'key'>): string {
  return `${batch} ${user} ${key ?? ''}`;
}

export function tellingOf(heard: Heard): Telling | undefined {
  const { ask, status, body } = heard;
  const { packetId, amount, position } = body;
  const names = ask.action === 'claim' || ask.action === 'open';
  if (!names || status >= 300 || typeof packetId !== 'string') return undefined;
  return {
    heard,
    packetId,
    user: ask.user,
    amount: typeof amount === 'number' ? amount : undefined,
    position: typeof position === 'string' ? position : undefined,
  };
}

export function indexOf(heard: readonly Heard[]): ToldIndex {
  const tellings = heard.flatMap((one) => tellingOf(one) ?? []);
  const claims = heard.filter(({ ask }) => ask.action === 'claim' || ask.action === 'open');
  return {
    tellings,
    byPacket: Map.groupBy(tellings, ({ packetId }) => packetId),
    byUser: Map.groupBy(tellings, ({ user }) => user),
    byBatch: Map.groupBy(tellings, ({ heard: { ask } }) => ask.batch ?? ''),
    byClaimant: Map.groupBy(claims, ({ ask }) => claimant(ask)),
  };
}

/**
 * Whether a read that was sent then must show what the telling told: the same node gave it, or the read named a
 * position at or behind it (API.md, accounts).
 */
export function mustShow(read: Heard, { heard, position }: Telling): boolean {
  if (heard.heardAt >= read.sentAt) return false;
  if (heard.node === read.node) return true;
  const [afterNumber, afterSeq] = (read.ask.after ?? '').split('-');
  const [number, seq] = (position ?? '').split('-');
  return number === afterNumber && Number(seq) <= Number(afterSeq);
}
