/**
 * All streams of one user on this process. One page read serves them all: it begins at the one that has least, and each
 * is given what it lacks. When there is news meanwhile, turns go round: a device that has much to catch up with does not
 * keep the others waiting. Only one page is in memory at a time.
 */
import type { Push, Pushes } from '../../engine/push/port.ts';
import type { StreamClient } from './client.ts';
import { type EventText, pushEvent } from './events.ts';

export class Channel {
  readonly userId: string;
  readonly #clients: StreamClient[] = [];
  /** Streams that are being opened; they count for the bounds. */
  opening = 0;
  /** Word that came while a stream was being opened: it may not be in what that one began with. */
  #heard = false;
  /** Word has come since the newest push was read. */
  #news = false;
  /** Where the page of the last turn ended. */
  #servedTo = 0;
  /** Number that the user's newest push is said to have; Infinity: the user is said to be no listener. */
  #said = 0;

  constructor(userId: string) {
    this.userId = userId;
  }

  get size(): number {
    return this.#clients.length + this.opening;
  }

  /** @returns true when it has to be given something */
  add(client: StreamClient, newest: number): boolean {
    this.#clients.push(client);
    const lacks = this.#heard || client.sent < newest;
    if (this.opening === 0) this.#heard = false;
    return lacks;
  }

  remove(client: StreamClient): void {
    const index = this.#clients.indexOf(client);
    if (index !== -1) this.#clients.splice(index, 1);
  }

  /** There may be new pushes. */
  hear(): void {
    this.#news = true;
    if (this.opening > 0) this.#heard = true;
  }

  /**
   * Hears what the newest push is; undefined: the user is no listener.
   *
   * @returns true when somebody lacks it
   */
  hearNewest(newest: number | undefined): boolean {
    this.#said = newest ?? Infinity;
    this.hear();
    return this.#clients.some((client) => client.ready && client.sent < this.#said);
  }

  /**
   * Reads one page and gives it to whoever lacks it.
   *
   * @returns true when there may be more
   */
  async turn(pushes: Pushes, pageMax: number): Promise<boolean> {
    const from = this.#next();
    if (from === undefined) return false;
    const hadNews = this.#news;
    this.#news = false;
    const page = await pushes.read(this.userId, from, pageMax);
    this.#servedTo = page.at(-1)?.no ?? from;
    // The newest was not reached.
    if (page.length === pageMax) this.#news ||= hadNews;
    if (page.length === 0) {
      if (this.#said > from) await this.#compare(pushes);
      return this.#isBehind(from);
    }
    const complete = this.#give(
      from,
      page.map((push: Push) => pushEvent(push)),
    );
    return !complete || page.length === pageMax;
  }

  /** Where the next page begins: at the least, or while there is news at the least that the last one did not reach. */
  #next(): number | undefined {
    const least = this.#least(-1);
    return this.#news ? (this.#least(this.#servedTo) ?? least) : least;
  }

  #least(above: number): number | undefined {
    let least: number | undefined;
    for (const { ready, sent } of this.#clients) {
      if (ready && sent > above && (least === undefined || sent < least)) least = sent;
    }
    return least;
  }

  /** Somebody has less than that. */
  #isBehind(no: number): boolean {
    return this.#clients.some(({ ready, sent }) => ready && sent < no);
  }

  #give(from: number, page: readonly EventText[]): boolean {
    let complete = true;
    for (const client of this.#clients) {
      if (!client.ready) continue;
      // Who came during the read and lacks even more has the next turn.
      if (client.sent < from || !client.deliver(page)) complete = false;
    }
    return complete;
  }

  /** Newer pushes are said to be there and none can be read: they are no longer kept, or numbers began again. */
  async #compare(pushes: Pushes): Promise<void> {
    const { newest, purged } = await pushes.listen(this.userId);
    this.#said = 0;
    for (const client of this.#clients) {
      if (client.ready && (client.sent < purged || client.sent > newest)) client.reset(newest);
    }
  }
}
