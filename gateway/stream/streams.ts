/**
 * All push streams of this process: opening and their bounds, the way from word of a push to the clients, heartbeats.
 * Clients see each number of theirs once and in order, whatever of the words is lost or doubled: what a stream is given
 * next follows from its cursor alone. (E5, E12, ¶144–147, T5)
 */
import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { Clock } from '../../engine/ports/clock.ts';
import { type Listening, type Pushes, WritersLinger } from '../../engine/push/port.ts';
import { type Log, loggable } from '../log.ts';
import { Channel } from './channel.ts';
import { StreamClient } from './client.ts';
import { type StreamCounts, streamCounts } from './metrics.ts';
import { beginningOf, headOf, type Opening, type StreamRequest, within } from './opening.ts';
import { Rhythm } from './rhythm.ts';
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

interface Begun {
  readonly from: number;
  readonly newest: number;
  readonly expiresAt: number;
  readonly outgoing: ServerResponse;
}

/** Prime to most spans, and about an eighth of the usual one. */
const retryStepMs = 619;

export class Streams {
  readonly #deps: StreamsDeps;
  readonly #settings: StreamSettings;
  readonly #counts: StreamCounts;
  readonly #channels = new Map<string, Channel>();
  readonly #clients = new Set<StreamClient>();
  readonly #turns: Turns<Channel>;
  readonly #sweep: Sweep;
  readonly #rhythm: Rhythm;
  /** Open and being opened. */
  #size = 0;
  #opened = 0;
  #ended = false;
  #readsFail = false;

  constructor(deps: StreamsDeps) {
    this.#deps = deps;
    const { pushes, clock } = deps;
    const settings = { ...streamSettings, ...deps.settings };
    this.#settings = settings;
    this.#counts = streamCounts(deps.registry, () => this.#clients.size);
    this.#turns = new Turns(settings.readsMax, (channel) => this.#turn(channel));
    this.#sweep = new Sweep({
      pushes,
      usersMax: settings.sweepUsersMax,
      users: () => [...this.#channels.keys()],
      hear: (userId, newest) => {
        const channel = this.#channels.get(userId);
        if (channel?.hearNewest(newest) === true) this.#turns.ask(channel);
      },
    });
    const sweep = () => this.#reported(this.#sweep.run());
    const touch = () => this.#reported(this.#sweep.touch());
    this.#rhythm = new Rhythm({ clock, clients: this.#clients, settings, sweep, touch });
    pushes.watch((userIds) => {
      if (userIds !== undefined) this.#hear(userIds);
      else if (this.#channels.size > 0) sweep();
    });
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
    let listening: Listening | undefined;
    try {
      const { clock, pushes } = this.#deps;
      listening = await within(clock, openTimeoutMs, pushes.listen(userId));
    } catch (error) {
      if (error instanceof WritersLinger) return { code: 'stream_delayed' };
      throw error;
    } finally {
      if (listening === undefined) drop();
    }
    if (listening === undefined) return { code: 'unknown' };
    const { newest } = listening;
    const beginning = beginningOf(after, listening);
    if (after !== undefined) this.#counts.resumes += 1;
    if (beginning.isReset) this.#counts.resets += 1;
    const takeOver = (outgoing: ServerResponse) => {
      channel.opening -= 1;
      this.#begin(channel, { ...request, from: beginning.from, newest, outgoing });
    };
    const head = headOf(beginning, newest, this.#nextRetryMs());
    return { code: 'opened', head, goesOn: { takeOver, drop } };
  }

  /** Ends all streams at once and opens no more: their clients go on elsewhere. */
  end(): void {
    this.#ended = true;
    this.#rhythm.stop();
    for (const client of this.#clients) client.end();
  }

  /** Steps that go round evenly, so that clients of an ended process come back spread out. */
  #nextRetryMs(): number {
    const { retryMsMin, retryMsMax } = this.#settings;
    this.#opened += 1;
    return retryMsMin + ((this.#opened * retryStepMs) % (retryMsMax - retryMsMin + 1));
  }

  #begin(channel: Channel, begun: Begun): void {
    const { from, newest, expiresAt, outgoing } = begun;
    const client = new StreamClient({
      outgoing,
      sent: from,
      expiresAt,
      slot: this.#rhythm.nextSlot(),
      writeBytesMax: this.#settings.writeBytesMax,
      counts: this.#counts,
      onReady: () => this.#turns.ask(channel),
      onClose: () => {
        this.#clients.delete(client);
        channel.remove(client);
        this.#leave(channel);
      },
    });
    this.#clients.add(client);
    if (channel.add(client, newest)) this.#turns.ask(channel);
    if (this.#ended) client.end();
    else this.#rhythm.start();
  }

  #leave(channel: Channel): void {
    this.#size -= 1;
    if (channel.size > 0) return;
    this.#channels.delete(channel.userId);
    this.#turns.forget(channel);
  }

  #hear(userIds: readonly string[]): void {
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

  #reported(work: Promise<void>): void {
    work.catch((error: unknown) =>
      this.#deps.log.error(loggable(error), 'listeners could not be asked about'),
    );
  }
}
