/** The fake's load: a state from committed data. Guards invariant 6 as the Postgres adapter does. */
import { assert } from '../core/assert.ts';
import { beginRestore, endRestore, restorePacket, restoreTag } from '../core/restore.ts';
import type { LoadedBatch } from '../ports/store.ts';
import type { FakeData } from './fake-tables.ts';

export function snapshotOf(data: FakeData, batchId: string): LoadedBatch {
  const batch = data.batches.get(batchId);
  if (batch === undefined) return { kind: 'unknown' };
  const { params, standing, receivers } = batch;
  const { summary } = standing;
  if (!standing.confirmed) return { kind: 'not_active' };
  if (standing.quarantined) return { kind: 'quarantined' };
  for (let version = 1; version <= summary.version; version += 1) {
    assert(
      data.events.has(`${batchId}/${version}`),
      `batch ${batchId}: version ${version} is missing`,
    );
  }
  const stored = { ...summary, params, anyone: standing.anyone };
  const state = beginRestore(stored);
  state.listed.add([...receivers].sort());
  for (let number = 1; number <= summary.claimed; number += 1) {
    const packet = data.packets.get(`${batchId}/${number}`);
    assert(packet !== undefined, `batch ${batchId}: packet ${number} is missing`);
    const { receiverId, claimedAt, amount, openedAt, tag, position, openedByClaim } = packet;
    restorePacket(state, receiverId, claimedAt, amount ?? 0, openedAt ?? 0);
    if (tag !== undefined) restoreTag(state, number, tag, position, openedByClaim);
  }
  return { kind: 'active', state: endRestore(state, stored) };
}
