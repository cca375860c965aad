/** The fake's apply: the same plan as the Postgres adapter's, written to maps. Guards invariants 1, 4 and 6. */
import { assert } from '../core/assert.ts';
import { idArray } from '../core/id-list.ts';
import type { BatchEvent, Packet } from '../core/types.ts';
import type { Applied } from '../ports/store.ts';
import type { FakeTransaction } from './fake-tables.ts';
import { postMoves, type Change } from './ledger.ts';
import { type Group, groupByBatch, type NewPacket, type Plan, planEvents } from './plan.ts';

/** The batches are locked by the caller. */
export function applyToFake(
  tx: FakeTransaction,
  owner: number,
  events: readonly BatchEvent[],
): Omit<Applied, 'isHeard'> {
  const groups = groupByBatch(events);
  const refused = new Map<BatchEvent, string>();
  for (;;) {
    const plan = planOf(tx, groups, refused);
    const culprit = contradiction(tx, plan);
    if (culprit !== undefined) {
      refused.set(culprit.event, culprit.reason);
      continue;
    }
    write(tx, plan);
    quarantine(tx, owner, plan);
    return {
      inserted: plan.events.length,
      duplicates: plan.duplicates,
      quarantined: plan.quarantined.map(({ event, reason }) => ({ ...key(event), reason })),
      conflicts: plan.conflicts.map(key),
    };
  }
}

function key({ batchId, version }: BatchEvent) {
  return { batchId, version };
}

function planOf(
  tx: FakeTransaction,
  groups: readonly Group[],
  refused: ReadonlyMap<BatchEvent, string>,
): Plan {
  return planEvents(groups, {
    standing: (batchId) => tx.batches.get(batchId)?.standing,
    stored: (batchId, version) => tx.events.get(`${batchId}/${version}`),
    refused: (event) => refused.get(event),
    poisoned: () => undefined,
  });
}

interface Culprit {
  readonly event: BatchEvent;
  readonly reason: string;
}

/** The first event that the stored rows do not allow; the reasons are those of the Postgres adapter. */
function contradiction(tx: FakeTransaction, plan: Plan): Culprit | undefined {
  const taken = plan.events.find((event) => tx.events.has(`${event.batchId}/${event.version}`));
  if (taken !== undefined) return { event: taken, reason: 'event_beyond_version' };
  const guards = new Set<string>();
  for (const packet of plan.packets) {
    const names = [`${packet.claim.batchId}/${packet.claim.packet}`, ...guardsOf(packet)];
    const clash = names.some(
      (name) => tx.packets.has(name) || tx.unique.has(name) || guards.has(name),
    );
    if (clash) return { event: packet.claim, reason: 'sql_23505' };
    for (const name of names) guards.add(name);
  }
  const closed = plan.opens.find((event) => {
    const packet = tx.packets.get(`${event.batchId}/${event.packet}`);
    return packet?.receiverId !== event.receiverId || packet.amount !== undefined;
  });
  return closed === undefined ? undefined : { event: closed, reason: 'packet_not_open' };
}

function guardsOf({ claim, oncePerReceiver }: NewPacket): string[] {
  const { batchId, receiverId, packet, tag } = claim;
  const guard = `${batchId}/${receiverId}/${oncePerReceiver ? 0 : packet}`;
  return tag === undefined ? [guard] : [guard, `${batchId}/${receiverId}/key/${tag.key}`];
}

function write(tx: FakeTransaction, plan: Plan): void {
  for (const event of plan.events) tx.events.set(`${event.batchId}/${event.version}`, event);
  for (const packet of plan.packets) {
    tx.packets.set(`${packet.claim.batchId}/${packet.claim.packet}`, rowOf(packet));
    for (const guard of guardsOf(packet)) tx.unique.set(guard, true);
  }
  for (const { batchId, packet, amount, at } of plan.opens) {
    const name = `${batchId}/${packet}`;
    const row = tx.packets.get(name);
    assert(row !== undefined, 'a planned open finds its packet');
    tx.packets.set(name, { ...row, amount, openedAt: at });
  }
  for (const [batchId, standing] of plan.standings) {
    const batch = tx.batches.get(batchId);
    assert(batch !== undefined, 'a planned batch is there');
    const listed = plan.audiences.filter((event) => event.batchId === batchId);
    const receivers = new Set([
      ...batch.receivers,
      ...listed.flatMap((event) => idArray(event.receivers)),
    ]);
    tx.batches.set(batchId, { ...batch, standing, receivers });
  }
  const { credits, debits } = postMoves(plan.moves);
  for (const change of debits) {
    tx.change(accountKey(change), -change.amount);
    assert(tx.balance(accountKey(change)) >= 0, 'an escrow never gives more than it has');
  }
  for (const change of credits) tx.change(accountKey(change), change.amount);
}

function rowOf({ claim, amount, openedAt }: NewPacket): Packet {
  const { packet, receiverId, at: claimedAt, tag, position } = claim;
  const openedByClaim = claim.amount !== undefined;
  return { packet, receiverId, claimedAt, amount, openedAt, tag, position, openedByClaim };
}

/** Key of an account in the fake's balances. */
export function accountKey({ owner, asset }: Pick<Change, 'owner' | 'asset'>): string {
  return `${owner} ${asset}`;
}

function quarantine(tx: FakeTransaction, owner: number, { quarantined }: Plan): void {
  for (const row of quarantined) {
    const { batchId } = row.event;
    if (!tx.isQuarantined(owner, batchId)) {
      const before = tx.owner(owner);
      tx.owners.set(String(owner), { ...before, quarantined: before.quarantined + 1 });
    }
    tx.quarantine.push({ ...row, owner });
    const batch = tx.batches.get(batchId);
    if (batch?.standing.confirmed === true) {
      tx.batches.set(batchId, { ...batch, standing: { ...batch.standing, quarantined: true } });
    }
  }
}
