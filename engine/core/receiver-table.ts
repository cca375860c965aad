/**
 * The listed receivers of one batch in three flat arrays: nothing for the garbage collector to follow, and a list of
 * 100,000 is taken in without an object for each. Receivers are numbered 1, 2, 3 … as they came. (E8)
 */
import { audienceMax, userIdLengthMax } from '../limits.ts';
import { asciiInto } from './ascii.ts';
import { assert } from './assert.ts';
import { entryOf, hashOf, numberIn, numberMax } from './id-hash.ts';
import { joinedIds, type Ids, type JoinedIds } from './id-list.ts';
import { parsedIds, picked, readingOf, startOf, type ParsedIds } from './parsed-ids.ts';

const noWords = new Uint32Array(0);
const noBytes = new Uint8Array(0);
const decoder = new TextDecoder();
/** The id that is looked for; used within one call only. */
const asked = new Uint8Array(userIdLengthMax);
const space = 0x20;
/** An index is at most so full. */
const fullest = 3 / 4;
/** Lists mostly come once, so little is kept for more of them. */
const growth = 5 / 4;
assert(audienceMax <= numberMax, 'the number of a receiver fits into an index entry');

const indexFor = (ids: number): Uint32Array<ArrayBuffer> =>
  new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(2, ids / fullest))));

function isSame(one: Uint8Array, at: number, other: Uint8Array, from: number, length: number) {
  for (let i = 0; i < length; i += 1) if (one[at + i] !== other[from + i]) return false;
  return true;
}

/** The list that was asked for last: it is added next, and needs no second look. */
let absent: { readonly table: ReceiverTable; readonly ids: Ids } | undefined;

export interface Missing {
  readonly ids: JoinedIds;
  readonly count: number;
}

export class ReceiverTable {
  readonly #seed: number;
  #size = 0;
  #capacity = 0;
  /** Ids with a space after each, and where each ends: so a list is copied as a whole. */
  #text = noBytes;
  #ends = noWords;
  /** Number of each receiver, by hash, open addressing. */
  #index = noWords;

  /** @param seed see `hashOf` */
  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    if (this.#size === 0) return false;
    const length = asciiInto(id, asked);
    if (length === -1) return false;
    const slot = this.#slotOf(hashOf(this.#seed, asked, 0, length), asked, 0, length);
    return this.#index[slot] !== 0;
  }

  /** The slices in which a long list is to be read before it is asked for; undefined: nothing is to be done. */
  reading(ids: Ids): Iterator<void> | undefined {
    return 'joined' in ids ? readingOf(ids, this.#seed) : undefined;
  }

  /** Those of the list that are not here, each of them once. */
  missing(ids: Ids): Missing {
    const list = joinedIds(ids);
    const parsed = parsedIds(list, this.#seed);
    const fresh = this.#freshIn(parsed);
    const whole = fresh.length === parsed.ends.length;
    const missing = whole ? list : picked(list, parsed, fresh);
    absent = { table: this, ids: missing };
    return { ids: missing, count: fresh.length };
  }

  /** Positions in the list of what is neither here nor before it in the list. */
  #freshIn({ bytes, ends, hashes }: ParsedIds): Uint32Array {
    const fresh = new Uint32Array(ends.length);
    const seen = indexFor(ends.length);
    const mask = seen.length - 1;
    let count = 0;
    next: for (let i = 0; i < ends.length; i += 1) {
      const start = startOf(ends, i);
      const length = (ends[i] ?? 0) - start;
      const hash = hashes[i] ?? 0;
      if (this.#size > 0 && this.#index[this.#slotOf(hash, bytes, start, length)] !== 0) continue;
      let slot = hash & mask;
      for (; seen[slot] !== 0; slot = (slot + 1) & mask) {
        const before = (seen[slot] ?? 0) - 1;
        const from = startOf(ends, before);
        if (hashes[before] !== hash || (ends[before] ?? 0) - from !== length) continue;
        if (isSame(bytes, from, bytes, start, length)) continue next;
      }
      seen[slot] = i + 1;
      fresh[count] = i;
      count += 1;
    }
    return fresh.subarray(0, count);
  }

  /** Takes the list in; who is here already stays once. */
  add(ids: Ids): void {
    const isAbsent = absent?.table === this && absent.ids === ids;
    const list = isAbsent ? joinedIds(ids) : this.missing(ids).ids;
    absent = undefined;
    const { bytes, ends, hashes } = parsedIds(list, this.#seed);
    if (ends.length === 0) return;
    this.reserve(this.#size + ends.length);
    const from = this.#startOf(this.#size + 1);
    this.#reserveText(from + bytes.length + 1, this.#size + ends.length);
    this.#text.set(bytes, from);
    this.#text[from + bytes.length] = space;
    const mask = this.#index.length - 1;
    for (let i = 0; i < ends.length; i += 1) {
      const hash = hashes[i] ?? 0;
      let slot = hash & mask;
      while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
      this.#ends[this.#size] = from + (ends[i] ?? 0);
      this.#size += 1;
      this.#index[slot] = entryOf(hash, this.#size);
    }
  }

  /** Makes room for so many in all. */
  reserve(size: number): void {
    if (size <= this.#capacity) return;
    assert(size <= numberMax, 'every receiver has a number');
    const larger = this.#capacity === 0 ? size : Math.ceil(this.#capacity * growth);
    this.#capacity = Math.min(numberMax, Math.max(size, larger));
    const ends = new Uint32Array(this.#capacity);
    ends.set(this.#ends);
    this.#ends = ends;
    if (this.#capacity > this.#index.length * fullest) this.#indexAnew();
  }

  /** @param ids how many take these bytes; a table that was made for more is made for more of their kind */
  #reserveText(bytes: number, ids: number): void {
    if (bytes <= this.#text.length) return;
    const ofAll = Math.ceil((bytes * this.#capacity) / ids);
    const text = new Uint8Array(Math.max(ofAll, Math.ceil(this.#text.length * growth)));
    text.set(this.#text);
    this.#text = text;
  }

  #indexAnew(): void {
    this.#index = indexFor(this.#capacity);
    const mask = this.#index.length - 1;
    for (let number = 1; number <= this.#size; number += 1) {
      const end = this.#ends[number - 1] ?? 0;
      const hash = hashOf(this.#seed, this.#text, this.#startOf(number), end);
      let slot = hash & mask;
      while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
      this.#index[slot] = entryOf(hash, number);
    }
  }

  #startOf(number: number): number {
    return number === 1 ? 0 : (this.#ends[number - 2] ?? 0) + 1;
  }

  /** Where the entry of this id stands, or would be put. */
  #slotOf(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const mask = this.#index.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#index[slot] ?? 0;
      if (entry === 0) return slot;
      const number = numberIn(entry);
      if (entry !== entryOf(hash, number)) continue;
      const mine = this.#startOf(number);
      if ((this.#ends[number - 1] ?? 0) - mine !== length) continue;
      if (isSame(this.#text, mine, bytes, start, length)) return slot;
    }
  }

  /** All of them, in the order they came. */
  *[Symbol.iterator](): Generator<string> {
    for (let number = 1; number <= this.#size; number += 1)
      yield decoder.decode(this.#text.subarray(this.#startOf(number), this.#ends[number - 1]));
  }
}
