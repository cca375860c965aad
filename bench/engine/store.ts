/**
 * The Store that the engine's benchmarks need: batches straight from memory, and every flush counts as settled once
 * it is durable, so that actors are unpinned as in production while no SQL is measured.
 */
import { emptyState } from '../../engine/core/state.ts';
import type { BatchParams } from '../../engine/core/types.ts';
import type { Store } from '../../engine/ports/store.ts';

export const linkKey = 'benchmark-link-key-22c';
export const journalId = 'benchmark';

export interface BenchStore {
  readonly store: Store;
  /** One more job of the newest owner is durable. */
  readonly noteFlush: () => void;
}

/** @param batchOf parameters by id; undefined where there is no such batch */
export function benchStore(batchOf: (id: string) => BatchParams | undefined): BenchStore {
  let number = 0;
  let flushes = 0;
  const store: Partial<Store> = {
    journalId: () => Promise.resolve({ id: journalId, bound: true }),
    newOwner() {
      number += 1;
      flushes = 0;
      return Promise.resolve(number);
    },
    earlierOwners: () => Promise.resolve([]),
    seal: () => Promise.resolve(true),
    progress: () => Promise.resolve([{ number, settled: flushes, quarantined: 0 }]),
    overdue: () => Promise.resolve([]),
    load(id) {
      const params = batchOf(id);
      if (params === undefined) return Promise.resolve({ kind: 'unknown' });
      const state = emptyState(params, params.createdAt);
      state.anyone = true;
      return Promise.resolve({ kind: 'active', state });
    },
  };
  return {
    // What is not here is not called: nothing is settled, nothing is taken over from anybody.
    store: store as Store,
    noteFlush() {
      flushes += 1;
    },
  };
}

/** A batch whose packets have a mean of 100 units. */
export function benchBatch(id: string, count: number): BatchParams {
  const now = Date.now();
  return {
    id,
    mode: 'lucky',
    count,
    total: count * 100,
    each: undefined,
    asset: 'CNY',
    greeting: '',
    senderId: 'sender',
    oncePerReceiver: true,
    linkKey,
    createdAt: now,
    expiresAt: now + 86_400_000,
  };
}
