/**
 * Whether a settled event can apply to what the ledger says of its batch: the second opinion behind the state machine.
 * It shares no code with `batch.ts`, so that a fault there cannot pass here unseen.
 *
 * Guards invariants 1 (conservation inside a batch), 4 and 6 (the next version only).
 */
import { assertNever } from './assert.ts';
import { isWhole } from './id-list.ts';
import type { AudienceEvent, BatchEvent, ExpiredEvent, Mode } from './types.ts';

/** What Postgres knows of a confirmed batch in a few numbers. Amounts in minor units, times in ms. */
export interface Summary {
  /** Newest version that took effect; 0 right after confirmation. */
  readonly version: number;
  readonly count: number;
  readonly total: number;
  readonly mode: Mode;
  readonly each: number | undefined;
  readonly claimed: number;
  readonly opened: number;
  readonly openedAmount: number;
  readonly expired: boolean;
  readonly refundedAmount: number;
  readonly lastEventAt: number;
  /** Largest opened amount so far and its packet, the earlier open on a tie; 0 before the first open. */
  readonly bestAmount: number;
  readonly bestPacket: number;
}

/** Why an event can never apply, by precedence. */
export type Inapplicable =
  | 'malformed'
  | 'version_gap'
  | 'after_expiry'
  | 'more_claims_than_packets'
  | 'packet_out_of_order'
  | 'packet_not_claimed'
  | 'more_opens_than_claims'
  | 'amount_below_one'
  | 'amount_not_each'
  | 'amount_above_rest'
  | 'last_amount_not_rest'
  | 'refund_not_rest';

/** The summary after the event, or why the event can never apply. Pure. (E11–E14) */
export function applicable(summary: Summary, event: BatchEvent): Summary | Inapplicable {
  if (!Number.isSafeInteger(event.version) || !isCount(event.at)) return 'malformed';
  if (event.version !== summary.version + 1) return 'version_gap';
  if (summary.expired) return 'after_expiry';
  switch (event.kind) {
    case 'audience':
      return audience(summary, event);
    case 'claimed': {
      const { packet, receiverId, amount } = event;
      if (!isCount(packet) || !isWord(receiverId)) return 'malformed';
      if (summary.claimed >= summary.count) return 'more_claims_than_packets';
      if (packet !== summary.claimed + 1) return 'packet_out_of_order';
      if (amount !== undefined) return opened(summary, event, packet, amount);
      return { ...summary, ...moved(summary, event), claimed: packet };
    }
    case 'opened': {
      const { packet, receiverId, amount } = event;
      if (!isCount(packet) || !isWord(receiverId)) return 'malformed';
      if (packet < 1 || packet > summary.claimed) return 'packet_not_claimed';
      if (summary.opened >= summary.claimed) return 'more_opens_than_claims';
      return opened(summary, event, summary.claimed, amount);
    }
    case 'expired':
      return expired(summary, event);
    default:
      return unknownKind(event);
  }
}

/** True once nothing more can move: everything is opened, or the rest went back. */
export function isEnded(summary: Summary): boolean {
  return summary.expired || summary.opened === summary.count;
}

function moved(summary: Summary, event: BatchEvent): Pick<Summary, 'version' | 'lastEventAt'> {
  return { version: event.version, lastEventAt: Math.max(summary.lastEventAt, event.at) };
}

function opened(
  summary: Summary,
  event: { readonly packet: number } & BatchEvent,
  claimed: number,
  amount: number,
): Summary | Inapplicable {
  const wrong = wrongAmount(summary, amount);
  if (wrong !== undefined) return wrong;
  const best = amount > summary.bestAmount;
  // Field by field: this runs for every claim, and copying an object by spreading takes longer.
  return {
    version: event.version,
    count: summary.count,
    total: summary.total,
    mode: summary.mode,
    each: summary.each,
    claimed,
    opened: summary.opened + 1,
    openedAmount: summary.openedAmount + amount,
    expired: summary.expired,
    refundedAmount: summary.refundedAmount,
    lastEventAt: Math.max(summary.lastEventAt, event.at),
    bestAmount: best ? amount : summary.bestAmount,
    bestPacket: best ? event.packet : summary.bestPacket,
  };
}

/** Every packet behind this one keeps at least one unit, and the last takes the rest. */
function wrongAmount(summary: Summary, amount: number): Inapplicable | undefined {
  if (!Number.isSafeInteger(amount)) return 'malformed';
  if (amount < 1) return 'amount_below_one';
  if (summary.each !== undefined && amount !== summary.each) return 'amount_not_each';
  const rest = summary.total - summary.openedAmount;
  const behind = summary.count - summary.opened - 1;
  if (amount > rest - behind) return 'amount_above_rest';
  return behind === 0 && amount !== rest ? 'last_amount_not_rest' : undefined;
}

function audience(summary: Summary, event: AudienceEvent): Summary | Inapplicable {
  const whole = typeof event.anyone === 'boolean' && isWhole(event.receivers);
  return whole ? { ...summary, ...moved(summary, event) } : 'malformed';
}

function expired(summary: Summary, event: ExpiredEvent): Summary | Inapplicable {
  if (event.refunded !== summary.total - summary.openedAmount) return 'refund_not_rest';
  const { refunded } = event;
  return { ...summary, ...moved(summary, event), expired: true, refundedAmount: refunded };
}

/** Types forbid it, a payload may still bring it. */
function unknownKind(event: never): 'malformed' {
  return event === undefined ? assertNever(event) : 'malformed';
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isWord(value: string): boolean {
  return typeof value === 'string' && value !== '';
}
