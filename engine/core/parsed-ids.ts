/** Where each id of a list ends and its hash, found once for each list, in slices where the list is long. */
import { userIdLengthMax } from '../limits.ts';
import { assert } from './assert.ts';
import { hashOf } from './id-hash.ts';
import type { JoinedIds } from './id-list.ts';

export interface ParsedIds {
  readonly seed: number;
  /** Ids with a space after each but the last. */
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly hashes: Uint32Array;
}

const encoder = new TextEncoder();
const space = 0x20;
/** Read at a time, in about half a millisecond. */
const sliceBytes = 128 * 1024;
const likelyBytes = 12;

/** Goes with its list: a list is compared, then added, and what was found out is forgotten with it. */
const known = new WeakMap<JoinedIds, ParsedIds>();

export const startOf = (ends: Uint32Array, i: number): number =>
  i === 0 ? 0 : (ends[i - 1] ?? 0) + 1;

/** What is known of the list; reads it now if it has not been read. */
export function parsedIds(ids: JoinedIds, seed: number): ParsedIds {
  const before = known.get(ids);
  if (before?.seed === seed) return before;
  const reading = read(ids, seed);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
  }
}

/** Reads a long list slice by slice; undefined when it is short or has been read. */
export function readingOf(ids: JoinedIds, seed: number): Iterator<void> | undefined {
  const isKnown = known.get(ids)?.seed === seed;
  return isKnown || ids.joined.length <= sliceBytes ? undefined : read(ids, seed);
}

function* read(ids: JoinedIds, seed: number): Generator<void, ParsedIds> {
  const { joined } = ids;
  const bytes = encoder.encode(joined);
  assert(bytes.length === joined.length, 'ids are ASCII');
  let ends = new Uint32Array(Math.ceil(bytes.length / likelyBytes));
  let hashes = new Uint32Array(ends.length);
  let count = 0;
  for (let start = 0, slice = sliceBytes; start < bytes.length;) {
    let end = start;
    while (end < bytes.length && bytes[end] !== space) end += 1;
    assert(end > start && end - start <= userIdLengthMax, 'ids are short, and none is empty');
    if (count === ends.length) {
      ends = grown(ends);
      hashes = grown(hashes);
    }
    ends[count] = end;
    hashes[count] = hashOf(seed, bytes, start, end);
    count += 1;
    assert(end !== bytes.length - 1, 'no space stands at the end');
    start = end + 1;
    if (start <= slice) continue;
    slice += sliceBytes;
    yield;
  }
  const parsed = { seed, bytes, ends: ends.subarray(0, count), hashes: hashes.subarray(0, count) };
  known.set(ids, parsed);
  return parsed;
}

function grown(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * words.length);
  larger.set(words);
  return larger;
}

/** The list of those at these positions, read already. */
export function picked(list: JoinedIds, parsed: ParsedIds, positions: Uint32Array): JoinedIds {
  const ends = new Uint32Array(positions.length);
  const hashes = new Uint32Array(positions.length);
  /** Neighbours are cut out together. */
  const runs: string[] = [];
  let length = 0;
  let runStart = 0;
  for (let i = 0; i < positions.length; i += 1) {
    const position = positions[i] ?? 0;
    const start = startOf(parsed.ends, position);
    const end = parsed.ends[position] ?? 0;
    if (i === 0 || positions[i - 1] !== position - 1) runStart = start;
    if (positions[i + 1] !== position + 1) runs.push(list.joined.slice(runStart, end));
    length += (i === 0 ? 0 : 1) + end - start;
    ends[i] = length;
    hashes[i] = parsed.hashes[position] ?? 0;
  }
  const ids = { joined: runs.join(' ') };
  const bytes = encoder.encode(ids.joined);
  known.set(ids, { seed: parsed.seed, bytes, ends, hashes });
  return ids;
}
