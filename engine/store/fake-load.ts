/** The fake's load: a snapshot from committed data. Guards invariant 6 as the Postgres adapter does. */
import { assert } from '../core/assert.ts';
import type { Packet } from '../core/types.ts';
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
  const packets: Packet[] = [];
  for (let number = 1; number <= summary.claimed; number += 1) {
    const packet = data.packets.get(`${batchId}/${number}`);
    assert(packet !== undefined, `batch ${batchId}: packet ${number} is missing`);
    packets.push(packet);
  }
  return {
    kind: 'active',
    snapshot: {
      params,
      version: summary.version,
      lastEventAt: summary.lastEventAt,
      anyone: standing.anyone,
      receivers: [...receivers].sort(),
      packets,
      expired: summary.expired,
      refundedAmount: summary.refundedAmount,
    },
  };
}
