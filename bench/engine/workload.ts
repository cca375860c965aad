/** Which batch the i-th claim goes to. */
import type { BatchParams } from '../../engine/core/types.ts';
import { benchBatch } from './store.ts';

export interface Workload {
  readonly name: string;
  readonly batches: readonly BatchParams[];
  /** Claims until everything is claimed. */
  readonly claims: number;
}

/** One batch that everybody runs for. */
export function hot(claims: number): Workload {
  return { name: 'hot', batches: [benchBatch('1', claims)], claims };
}

/** Claims go round over many batches. */
export function spread(batches: number, packets: number): Workload {
  return {
    name: 'spread',
    batches: Array.from({ length: batches }, (_, i) => benchBatch(String(i + 1), packets)),
    claims: batches * packets,
  };
}

/** Receivers' ids made before the clock runs. */
export function receiverIds(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `receiver-${i}`);
}
