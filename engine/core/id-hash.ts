/**
 * Hashes of ids, and entries of indexes that find an id's number by them: the number below and a part of the hash above,
 * which spares most comparisons.
 */
const numberBits = 20;
/** Largest number in an entry; 0 stands for an empty one. */
export const numberMax = 2 ** numberBits - 1;
const fnvPrime = 16_777_619;

export function entryOf(hash: number, number: number): number {
  return ((hash & ~numberMax) | number) >>> 0;
}

export function numberIn(entry: number): number {
  return entry & numberMax;
}

/** @param seed nothing that whoever chooses ids could know, or they could be made to collide */
export function hashOf(seed: number, text: Uint8Array, start: number, end: number): number {
  let hash = seed;
  for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ (text[i] ?? 0), fnvPrime);
  return mixed(hash);
}

/** FNV-1a leaves similar ids close together; the slots and the part kept in an entry need all bits. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return (bits ^ (bits >>> 15)) >>> 0;
}
