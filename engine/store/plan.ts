/**
 * Plan: what a list of events means for the ledger, before anything is written. Pure; the Postgres adapter and the
 * fake both carry out what stands here, so they agree by construction.
 *
 * Guards invariants 4 (what took effect before is only compared) and 6 (a batch takes the next version or none).
 */
import { applicable, type Summary } from '../core/applicable.ts';
import { encodeEvent } from '../core/codec.ts';
import type { AudienceEvent, BatchEvent, ClaimedEvent, OpenedEvent } from '../core/types.ts';

/** A batch as it stands under its row lock. */
export interface Standing {
  readonly summary: Summary;
  readonly senderId: string;
  readonly asset: string;
  readonly oncePerReceiver: boolean;
  readonly anyone: boolean;
  readonly confirmed: boolean;
  readonly quarantined: boolean;
}

/** All events of one batch, in the order given. */
export interface Group {
  readonly batchId: string;
  readonly events: readonly BatchEvent[];
}

/** What the plan may ask about the past. */
export interface Known {
  standing(batchId: string): Standing | undefined;
  /** The stored event, or undefined. Asked only for versions up to the batch's. */
  stored(batchId: string, version: number): BatchEvent | undefined;
  /** Why this event was found to be poison by an earlier try. */
  refused(event: BatchEvent): string | undefined;
  /** Why the batch has events in quarantine since earlier in this transaction. */
  poisoned(batchId: string): string | undefined;
}

/** A packet row to insert, opened already when its open rides in the same transaction. */
export interface NewPacket {
  readonly claim: ClaimedEvent;
  readonly oncePerReceiver: boolean;
  amount: number | undefined;
  openedAt: number | undefined;
}

/** Money leaving a batch's escrow. */
export interface Move {
  readonly kind: 'open' | 'refund';
  readonly batchId: string;
  readonly version: number;
  readonly at: number;
  readonly asset: string;
  readonly userId: string;
  readonly amount: number;
}

export interface Quarantined {
  readonly event: BatchEvent;
  readonly reason: string;
}

export interface Plan {
  /** Batches that change, as they stand afterwards. */
  readonly standings: Map<string, Standing>;
  /** Events that take effect, by batch and version. */
  readonly events: BatchEvent[];
  readonly packets: NewPacket[];
  /** Opens of packets that stood before. */
  readonly opens: OpenedEvent[];
  readonly audiences: AudienceEvent[];
  readonly moves: Move[];
  readonly quarantined: Quarantined[];
  readonly conflicts: BatchEvent[];
  duplicates: number;
}

/** Groups events by batch: batches in the order of their first event, events in the order given. */
export function groupByBatch(events: readonly BatchEvent[]): Group[] {
  const groups = new Map<string, BatchEvent[]>();
  for (const event of events) {
    const group = groups.get(event.batchId);
    if (group === undefined) groups.set(event.batchId, [event]);
    else group.push(event);
  }
  return [...groups].map(([batchId, list]) => ({ batchId, events: list }));
}

export function planEvents(groups: readonly Group[], known: Known): Plan {
  const plan: Plan = {
    standings: new Map(),
    events: [],
    packets: [],
    opens: [],
    audiences: [],
    moves: [],
    quarantined: [],
    conflicts: [],
    duplicates: 0,
  };
  for (const group of groups) planGroup(plan, group, known);
  return plan;
}

function planGroup(plan: Plan, { batchId, events }: Group, known: Known): void {
  const standing = known.standing(batchId);
  let reason = known.poisoned(batchId) ?? unusable(standing);
  if (standing === undefined || !standing.confirmed) {
    for (const event of events) plan.quarantined.push({ event, reason: reason ?? 'unknown_batch' });
    return;
  }
  const first = plan.events.length;
  const before = standing.summary;
  const group: GroupPlan = {
    plan,
    standing,
    before,
    firstPacket: plan.packets.length,
    reopened: undefined,
  };
  let summary = before;
  let anyone = standing.anyone;
  for (const event of events) {
    if (event.version <= summary.version) {
      const earlier =
        event.version <= before.version
          ? known.stored(batchId, event.version)
          : plan.events[first + event.version - before.version - 1];
      if (earlier !== undefined && sameContent(earlier, event)) plan.duplicates += 1;
      else plan.conflicts.push(event);
      continue;
    }
    if (reason === undefined) {
      const next = known.refused(event) ?? applicable(summary, event);
      if (typeof next === 'string') reason = next;
      else if (!addEffects(group, event)) reason = 'packet_not_open';
      else {
        plan.events.push(event);
        summary = next;
        if (event.kind === 'audience') anyone ||= event.anyone;
        continue;
      }
    }
    plan.quarantined.push({ event, reason });
  }
  if (summary !== before) plan.standings.set(batchId, { ...standing, summary, anyone });
}

function unusable(standing: Standing | undefined): string | undefined {
  if (standing === undefined) return 'unknown_batch';
  if (!standing.confirmed) return 'batch_not_confirmed';
  return standing.quarantined ? 'batch_in_quarantine' : undefined;
}

/** The same decision, whatever job carried it. */
export function sameContent(one: BatchEvent, other: BatchEvent): boolean {
  return encodeEvent(one) === encodeEvent(other);
}

interface GroupPlan {
  readonly plan: Plan;
  readonly standing: Standing;
  readonly before: Summary;
  readonly firstPacket: number;
  /** Packets of before that are opened by this plan. */
  reopened: Set<number> | undefined;
}

/** False, changing nothing, when the packet to open is another receiver's or opened before. */
function addEffects(group: GroupPlan, event: BatchEvent): boolean {
  const { plan, standing } = group;
  switch (event.kind) {
    case 'claimed': {
      const { amount } = event;
      const openedAt = amount === undefined ? undefined : event.at;
      const { oncePerReceiver } = standing;
      plan.packets.push({ claim: event, oncePerReceiver, amount, openedAt });
      if (amount !== undefined)
        plan.moves.push(move('open', event, standing.asset, event.receiverId, amount));
      return true;
    }
    case 'opened':
      if (!open(group, event)) return false;
      plan.moves.push(move('open', event, standing.asset, event.receiverId, event.amount));
      return true;
    case 'audience':
      plan.audiences.push(event);
      return true;
    case 'expired':
      if (event.refunded > 0) {
        plan.moves.push(move('refund', event, standing.asset, standing.senderId, event.refunded));
      }
      return true;
  }
}

function open(group: GroupPlan, event: OpenedEvent): boolean {
  const { plan, before, firstPacket } = group;
  if (event.packet > before.claimed) {
    const row = plan.packets[firstPacket + event.packet - before.claimed - 1];
    if (row?.amount !== undefined || row?.claim.receiverId !== event.receiverId) return false;
    row.amount = event.amount;
    row.openedAt = event.at;
    return true;
  }
  group.reopened ??= new Set();
  if (group.reopened.has(event.packet)) return false;
  group.reopened.add(event.packet);
  plan.opens.push(event);
  return true;
}

function move(
  kind: Move['kind'],
  event: BatchEvent,
  asset: string,
  userId: string,
  amount: number,
): Move {
  return {
    kind,
    batchId: event.batchId,
    version: event.version,
    at: event.at,
    asset,
    userId,
    amount,
  };
}
