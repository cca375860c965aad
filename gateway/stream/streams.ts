/**
 * All push streams of this process: opening and their bounds, the way from word of a push to the clients, heartbeats.
 * Clients see each number of theirs once and in order, whatever of the words is lost or doubled: what a stream is given
 * next follows from its cursor alone. (E5, E12, ¶144–147, T5)
 */
import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { Clock, Timer } from '../../engine/ports/clock.ts';
import type { Listening, Pushes } from '../../engine/push/port.ts';
import type { GoesOn } from '../answer.ts';
import type { Log } from '../deps.ts';
import { loggable } from '../log-error.ts';
import { Channel } from './channel.ts';
import { StreamClient } from './client.ts';
import { openedEvent, resetEvent, retryLine } from './events.ts';
import { type StreamCounts, streamCounts } from './metrics.ts';
import { type StreamSettings, streamSettings } from './settings.ts';
import { Sweep } from './sweep.ts';
import { Turns } from './turns.ts';

export interface StreamsDeps {
  readonly pushes: Pushes;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry?: Registry | undefined;
  readonly settings?: Partial<StreamSettings> | undefined;
}

export interface StreamRequest {
  readonly userId: string;
  readonly expiresAt: number;
  /** The last number the client has; undefined: it begins now. */
  readonly after: number | undefined;
}

export type Opening =
  | { readonly code: 'opened'; readonly head: string; readonly goesOn: GoesOn }
  /** The process, the user, or nobody any more may have another stream; or it took too long. */
  | { readonly code: 'overloaded' | 'too_many_streams' | 'not_ready' | 'unknown' };

export class Streams {
  readonly #deps: StreamsDeps;
  readonly #settings: StreamSettings;
  readonly #counts: StreamCounts;
  readonly #channels = new Map<string, Channel>();
  readonly #clients = new Set<StreamClient>();
  readonly #turns: Turns<Channel>;
  readonly #sweep: Sweep;
  readonly #slots: number;
  /** Open and being opened. */
  #size = 0;
  #opened = 0;
  #begun = 0;
  #tick = 0;
  #timer: Timer | undefined;
  #ended = false;
  #readsFail = false;

  constructor(deps: StreamsDeps) {
    this.#deps = deps;
    const settings = { ...streamSettings, ...deps.settings };
    this.#settings = settings;
    this.#counts = streamCounts(deps.registry, () => this.#clients.size);
    this.#slots = Math.max(1, Math.round(settings.heartbeatMs / settings.tickMs));
    this.#turns = new Turns(settings.readsMax, (channel) => this.#turn(channel));
    this.#sweep = new Sweep({
      pushes: deps.pushes,
      usersMax: settings.sweepUsersMax,
      users: () => [...this.#channels.keys()],
      hear: (userId, newest) => {
        const channel = this.#channels.get(userId);
        if (channel?.hearNewest(newest) === true) this.#turns.ask(channel);
      },
    });
    deps.pushes.watch((userIds) => this.#hear(userIds));
  }

  get counts(): Readonly<StreamCounts> {
    return this.#counts;
  }

  /** Open streams. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Makes a stream ready to begin: whatever becomes true after this will come. Rejects when the pushes cannot be had.
   */
  async open(request: StreamRequest): Promise<Opening> {
    if (this.#ended) return { code: 'not_ready' };
    const { userId, after } = request;
    const channel = this.#channels.get(userId) ?? new Channel(userId);
    const { streamsMax, userStreamsMax, openTimeoutMs } = this.#settings;
    const isFull = this.#size >= streamsMax;
    if (isFull || channel.size >= userStreamsMax) {
      this.#counts.refused += 1;
      return { code: isFull ? 'overloaded' : 'too_many_streams' };
    }
    this.#channels.set(userId, channel);
    channel.opening += 1;
    this.#size += 1;
    const drop = () => {
      channel.opening -= 1;
      this.#leave(channel);
    };
    try {
      const listening = await within(
        this.#deps.clock,
        openTimeoutMs,
        this.#deps.pushes.listen(userId),
      );
      if (listening !== undefined) {
        const takeOver = (outgoing: ServerResponse) =>
          this.#begin(channel, request, listening, outgoing);
        return { code: 'opened', head: this.#head(after, listening), goesOn: { takeOver, drop } };
      }
    } catch (error) {
      drop();
      throw error;
    }
    drop();
    return { code: 'unknown' };
  }

  /** Ends all streams at once and opens no more: their clients go on elsewhere. */
  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const client of [...this.#clients]) client.end();
  }

  /** What a stream begins with: the client then knows that it is connected, and where it resumes from. */
  #head(after: number | undefined, { newest, purged }: Listening): string {
    const { retryMsMin, retryMsMax } = this.#settings;
    // Steps that go round evenly, so that clients of an ended process come back spread out.
    const retryMs = retryMsMin + ((this.#opened * 619) % (retryMsMax - retryMsMin + 1));
    this.#opened += 1;
    if (after === undefined) return retryLine(retryMs) + openedEvent(newest, newest);
    this.#counts.resumes += 1;
    if (!isKept(after, { newest, purged })) {
      this.#counts.resets += 1;
      return retryLine(retryMs) + openedEvent(newest, newest) + resetEvent(newest);
    }
    return retryLine(retryMs) + openedEvent(after, newest);
  }

  #begin(
    channel: Channel,
    { after, expiresAt }: StreamRequest,
    listening: Listening,
    outgoing: ServerResponse,
  ): void {
    const { newest } = listening;
    const client = new StreamClient({
      outgoing,
      sent: after !== undefined && isKept(after, listening) ? after : newest,
      expiresAt,
      slot: this.#begun % this.#slots,
      writeBytesMax: this.#settings.writeBytesMax,
      counts: this.#counts,
      onReady: () => this.#turns.ask(channel),
      onClose: () => {
        this.#clients.delete(client);
        channel.remove(client);
        this.#leave(channel);
      },
    });
    this.#begun += 1;
    channel.opening -= 1;
    this.#clients.add(client);
    if (this.#ended) client.end();
    else {
      if (channel.add(client, newest)) this.#turns.ask(channel);
      this.#timer ??= this.#deps.clock.after(this.#settings.tickMs, () => this.#onTick());
    }
  }

  #leave(channel: Channel): void {
    this.#size -= 1;
    if (channel.size > 0) return;
    this.#channels.delete(channel.userId);
    this.#turns.forget(channel);
  }

  #hear(userIds: readonly string[] | undefined): void {
    if (userIds === undefined) {
      if (this.#channels.size > 0) this.#sweepNow();
      return;
    }
    for (const userId of userIds) {
      const channel = this.#channels.get(userId);
      if (channel === undefined) continue;
      channel.hear();
      this.#turns.ask(channel);
    }
  }

  async #turn(channel: Channel): Promise<void> {
    try {
      const more = await channel.turn(this.#deps.pushes, this.#settings.pageMax);
      this.#readsFail = false;
      if (more) this.#turns.ask(channel);
    } catch (error) {
      // The sweep finds what was not read. Thousands may fail at once: one line tells it.
      this.#counts.failedReads += 1;
      if (!this.#readsFail) this.#deps.log.error(loggable(error), 'pushes could not be read');
      this.#readsFail = true;
    }
  }

  /** One timer for all streams; none while there are none. */
  #onTick(): void {
    this.#timer = undefined;
    const { tickMs, slowMs, sweepMs, touchMs } = this.#settings;
    const now = this.#deps.clock.now();
    const slot = this.#tick % this.#slots;
    for (const client of this.#clients) {
      if (client.expiresAt <= now) client.end();
      else if (client.slot === slot) client.beat();
      else client.checkSlow(slowMs / tickMs);
    }
    this.#tick += 1;
    if (this.#tick % Math.ceil(sweepMs / tickMs) === 0) this.#sweepNow();
    if (this.#tick % Math.ceil(touchMs / tickMs) === 0) this.#touch();
    if (this.#clients.size === 0 || this.#ended) return;
    this.#timer = this.#deps.clock.after(tickMs, () => this.#onTick());
  }

  #sweepNow(): void {
    this.#sweep.run().catch((error: unknown) => this.#report(error));
  }

  #touch(): void {
    this.#sweep.touch().catch((error: unknown) => this.#report(error));
  }

  #report(error: unknown): void {
    this.#deps.log.error(loggable(error), 'listeners could not be asked about');
  }
}

/** All pushes after this number can be had. One above the newest was never given to anybody here. */
function isKept(after: number, { newest, purged }: Listening): boolean {
  return after >= purged && after <= newest;
}

/** Undefined when it takes longer. */
function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => resolve(undefined));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
