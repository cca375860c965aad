/**
 * One client's stream: a cursor, and node's response to write on. It is never given more before it has taken what was
 * written; what it was not given is read again later, so that nothing is kept for it. (E12, ¶144–147)
 */
import type { ServerResponse } from 'node:http';
import { type EventText, heartbeat, resetEvent } from './events.ts';
import type { StreamCounts } from './metrics.ts';

export interface ClientOptions {
  readonly outgoing: ServerResponse;
  /** Everything up to this number is the client's already. */
  readonly sent: number;
  /** Its token's `exp`, ms since the epoch. */
  readonly expiresAt: number;
  /** Which part of the streams gets its heartbeats together. */
  readonly slot: number;
  readonly writeBytesMax: number;
  readonly counts: StreamCounts;
  /** It takes more again. */
  readonly onReady: () => void;
  readonly onClose: (client: StreamClient) => void;
}

export class StreamClient {
  readonly slot: number;
  readonly expiresAt: number;
  readonly #outgoing: ServerResponse;
  readonly #writeBytesMax: number;
  readonly #counts: StreamCounts;
  #sent: number;
  /** Has not taken yet what was written last. */
  #full = false;
  /** Ticks that have found it so. */
  #fullTicks = 0;
  #lagged = false;

  constructor(options: ClientOptions) {
    const { outgoing, onReady, onClose } = options;
    this.slot = options.slot;
    this.expiresAt = options.expiresAt;
    this.#outgoing = outgoing;
    this.#sent = options.sent;
    this.#writeBytesMax = options.writeBytesMax;
    this.#counts = options.counts;
    outgoing.on('drain', () => {
      this.#full = false;
      this.#fullTicks = 0;
      onReady();
    });
    outgoing.on('close', () => onClose(this));
    // The reason does not matter: the client is gone, and comes again.
    outgoing.on('error', () => undefined);
  }

  get sent(): number {
    return this.#sent;
  }

  /** It can be given more. */
  get ready(): boolean {
    return !this.#full && !this.#outgoing.destroyed && !this.#outgoing.writableEnded;
  }

  /**
   * Gives it what it does not have yet of consecutive pushes, as much as it may be given at a time.
   *
   * @returns true when it has all of them now
   */
  deliver(page: readonly EventText[]): boolean {
    const first = page[0];
    const last = page.at(-1);
    if (first === undefined || last === undefined || last.no <= this.#sent) return true;
    // Those between are no longer kept.
    if (first.no > this.#sent + 1) this.reset(first.no - 1);
    let text = '';
    let bytes = 0;
    let index = this.#sent + 1 - first.no;
    for (; index < page.length && bytes < this.#writeBytesMax; index += 1) {
      const next = page[index];
      if (next === undefined) break;
      text += next.text;
      bytes += next.bytes;
      this.#sent = next.no;
      this.#counts.pushes += 1;
    }
    this.#write(text);
    return index === page.length;
  }

  reset(from: number): void {
    this.#sent = from;
    this.#counts.resets += 1;
    this.#write(resetEvent(from));
  }

  /** Shows that the connection lives, unless something is under way that does. */
  beat(): void {
    if (!this.ready) return;
    // Even a heartbeat has not left since the last one: the client does not read.
    if (this.#outgoing.writableLength > 0) {
      if (this.#lagged) this.#cutOff();
      else this.#lagged = true;
      return;
    }
    this.#lagged = false;
    this.#write(heartbeat);
  }

  /** Cuts it off when it has been full for so many ticks. */
  checkSlow(ticksMax: number): void {
    if (!this.#full) return;
    this.#fullTicks += 1;
    if (this.#fullTicks > ticksMax) this.#cutOff();
  }

  /** Ends the stream at once; the client resumes, here or elsewhere. */
  end(): void {
    const outgoing = this.#outgoing;
    const { socket } = outgoing;
    // What a slow client has not taken would hold up the end.
    if (this.#full || socket === null) outgoing.destroy();
    else {
      outgoing.end();
      socket.destroySoon();
    }
  }

  #cutOff(): void {
    this.#counts.cutOff += 1;
    this.#outgoing.destroy();
  }

  #write(text: string): void {
    if (!this.#outgoing.write(text)) this.#full = true;
  }
}
