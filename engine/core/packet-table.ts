/**
 * The claimed packets of one batch in three flat arrays: about 50 bytes a claim and nothing for the garbage collector
 * to follow, where columns and a Map of strings took 103 to 129. Packets are numbered 1, 2, 3 … as claimed.
 */
import { countMax, userIdLengthMax } from '../limits.ts';
import { asciiInto } from './ascii.ts';
import { assert } from './assert.ts';
import { entryOf, hashOf, numberIn, numberMax } from './id-hash.ts';

/** Words of one packet in `#cells`: times count from the first claim, in ms; an amount of 0 means unopened. */
const width = 5;
const claimedCell = 0;
const openedCell = 1;
const amountLowCell = 2;
const amountHighCell = 3;
/** Where its receiver's id ends in `#text`; it begins where the one before ends. */
const textEndCell = 4;

const word = 2 ** 32;
/** Grows fast while small, then less, so that little is moved and little lies empty. */
const capacityMin = 8;
const capacitySmall = 128;
const textPerPacket = 16;
assert(countMax <= numberMax, 'a packet number fits into an index entry');

const noWords = new Uint32Array(0);
const noBytes = new Uint8Array(0);
/** The id that is looked for or added; used within one call only. */
const asked = new Uint8Array(userIdLengthMax);

export class PacketTable {
  readonly #count: number;
  readonly #seed: number;
  #claimed = 0;
  #origin = 0;
  #capacity = 0;
  #cells = noWords;
  #text = noBytes;
  /** Newest packet of each receiver, by hash, open addressing; at most half full. */
  #index = noWords;
  /** The packet before, of the same receiver; only for batches where somebody holds several. */
  #before: Uint32Array | undefined;

  /**
   * @param count packets of the batch
   * @param seed see `hashOf`
   */
  constructor(count: number, seed: number) {
    this.#count = count;
    this.#seed = seed;
  }

  /** Packets claimed so far. */
  get claimed(): number {
    return this.#claimed;
  }

  claimedAt(packet: number): number {
    return this.#origin + this.#cell(packet, claimedCell);
  }

  /** 0 while it is unopened. */
  amount(packet: number): number {
    return this.#cell(packet, amountHighCell) * word + this.#cell(packet, amountLowCell);
  }

  /** Only of an opened packet. */
  openedAt(packet: number): number {
    return this.#origin + this.#cell(packet, openedCell);
  }

  receiverId(packet: number): string {
    const end = this.#cell(packet, textEndCell);
    let id = '';
    for (let i = this.#textStart(packet); i < end; i += 1)
      id += String.fromCharCode(this.#text[i] ?? 0);
    return id;
  }

  /** The receiver's newest packet, 0 for none. */
  newestOf(receiverId: string): number {
    const length = asciiInto(receiverId, asked);
    if (this.#claimed === 0 || length === -1) return 0;
    const slot = this.#slotOf(length, hashOf(this.#seed, asked, 0, length));
    return numberIn(this.#index[slot] ?? 0);
  }

  /** The receiver's packets in the order of claiming. */
  allOf(receiverId: string): number[] {
    const all: number[] = [];
    for (let packet = this.newestOf(receiverId); packet > 0;) {
      all.push(packet);
      packet = this.#before?.[packet] ?? 0;
    }
    return all.reverse();
  }

  /** Makes room for so many packets in all, so that adding them does not stop to grow. */
  reserve(packets: number): void {
    if (packets > this.#capacity) this.#grow(Math.min(this.#count, packets));
  }

  /** The next packet goes to this receiver; gives its number. */
  add(receiverId: string, at: number): number {
    const packet = this.#claimed + 1;
    assert(packet <= this.#count, 'no more packets than the batch has');
    if (packet === 1) this.#origin = at;
    if (packet > this.#capacity) this.#grow(this.#nextCapacity());
    const length = asciiInto(receiverId, asked);
    assert(length !== -1, 'ids are short and ASCII');
    const hash = hashOf(this.#seed, asked, 0, length);
    const slot = this.#slotOf(length, hash);
    const entry = this.#index[slot] ?? 0;
    if (entry !== 0) {
      this.#before ??= new Uint32Array(this.#capacity + 1);
      this.#before[packet] = numberIn(entry);
    }
    this.#write(packet, length);
    this.#set(packet, claimedCell, this.#since(at));
    this.#index[slot] = entryOf(hash, packet);
    this.#claimed = packet;
    return packet;
  }

  open(packet: number, amount: number, at: number): void {
    assert(
      this.amount(packet) === 0 && amount >= 1,
      'a packet is opened once, with a unit or more',
    );
    this.#set(packet, amountLowCell, amount % word);
    this.#set(packet, amountHighCell, Math.floor(amount / word));
    this.#set(packet, openedCell, this.#since(at));
  }

  #cell(packet: number, cell: number): number {
    assert(packet >= 1 && packet <= this.#claimed, 'the packet is claimed');
    return this.#cells[(packet - 1) * width + cell] ?? 0;
  }

  #set(packet: number, cell: number, value: number): void {
    this.#cells[(packet - 1) * width + cell] = value;
  }

  #since(at: number): number {
    const since = at - this.#origin;
    assert(
      since >= 0 && since < word,
      'a batch lives for weeks, and an actor never goes back in time',
    );
    return since;
  }

  #textStart(packet: number): number {
    return packet === 1 ? 0 : (this.#cells[(packet - 2) * width + textEndCell] ?? 0);
  }

  #write(packet: number, length: number): void {
    const start = this.#textStart(packet);
    const end = start + length;
    if (end > this.#text.length) {
      const text = new Uint8Array(
        Math.max(2 * this.#text.length, end, textPerPacket * this.#capacity),
      );
      text.set(this.#text);
      this.#text = text;
    }
    for (let i = 0; i < length; i += 1) this.#text[start + i] = asked[i] ?? 0;
    this.#set(packet, textEndCell, end);
  }

  /** Where the entry of the receiver in `asked` stands, or would be put. */
  #slotOf(length: number, hash: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = index[slot] ?? 0;
      if (entry === 0) return slot;
      const packet = numberIn(entry);
      if (entry === entryOf(hash, packet) && this.#isReceiver(packet, length)) return slot;
    }
  }

  #isReceiver(packet: number, length: number): boolean {
    const start = this.#textStart(packet);
    if ((this.#cells[(packet - 1) * width + textEndCell] ?? 0) - start !== length) return false;
    for (let i = 0; i < length; i += 1) if (this.#text[start + i] !== asked[i]) return false;
    return true;
  }

  #nextCapacity(): number {
    const factor = this.#capacity < capacitySmall ? 4 : 2;
    return Math.min(this.#count, Math.max(capacityMin, factor * this.#capacity));
  }

  #grow(capacity: number): void {
    this.#capacity = capacity;
    const cells = new Uint32Array(width * this.#capacity);
    cells.set(this.#cells);
    this.#cells = cells;
    if (this.#before !== undefined) {
      const before = new Uint32Array(this.#capacity + 1);
      before.set(this.#before);
      this.#before = before;
    }
    this.#index = new Uint32Array(2 ** Math.ceil(Math.log2(2 * this.#capacity)));
    const mask = this.#index.length - 1;
    const followed = this.#followed();
    for (let packet = 1; packet <= this.#claimed; packet += 1) {
      if (followed?.[packet] === 1) continue;
      const end = this.#cell(packet, textEndCell);
      const hash = hashOf(this.#seed, this.#text, this.#textStart(packet), end);
      let slot = hash & mask;
      while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
      this.#index[slot] = entryOf(hash, packet);
    }
  }

  /** Marks packets whose receiver holds a newer one: only the newest stands in the index. */
  #followed(): Uint8Array | undefined {
    if (this.#before === undefined) return undefined;
    const followed = new Uint8Array(this.#claimed + 1);
    for (let packet = 1; packet <= this.#claimed; packet += 1) {
      const before = this.#before[packet] ?? 0;
      if (before > 0) followed[before] = 1;
    }
    return followed;
  }
}
