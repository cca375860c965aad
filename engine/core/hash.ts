import { shardCount } from '../limits.ts';

/** FNV-1a, 32 bit, over the characters of an ASCII text. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** The shard (0 … 255) that a batch belongs to for good. */
export function shardOf(batchId: string): number {
  return fnv1a(batchId) % shardCount;
}
