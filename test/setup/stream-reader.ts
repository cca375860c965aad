/** A client as the documents describe it: comes back with its last id, whatever happened. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStream, type StreamEvent } from './event-stream.ts';

const againMs = 20;

export class StreamReader {
  readonly #url: string;
  readonly #token: string;
  /** Of connections that have ended. */
  readonly #events: StreamEvent[] = [];
  connections = 0;
  #last: string | undefined;
  #stopped = false;
  #stream: EventStream | undefined;
  readonly #ended: Promise<void>;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
    this.#ended = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const options = { lastEventId: this.#last };
      const stream = await EventStream.open(this.#url, this.#token, options).catch(() => null);
      if (stream === null) {
        await sleep(againMs);
        continue;
      }
      this.#stream = stream;
      this.connections += 1;
      await stream.closed;
      this.#stream = undefined;
      this.#events.push(...stream.events);
      this.#last = stream.lastEventId ?? this.#last;
    }
  }

  /** Resolves once the first stream is open: what becomes true from now on will come. */
  async opened(): Promise<void> {
    while (this.#events.length === 0 && (this.#stream?.events.length ?? 0) === 0) {
      await sleep(againMs);
    }
  }

  /** Of all connections, in the order of coming, without what tells about the stream itself. */
  get pushes(): readonly StreamEvent[] {
    const all = [...this.#events, ...(this.#stream?.events ?? [])];
    return all.filter(({ type }) => !type.startsWith('stream.'));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stream?.destroy();
    await this.#ended;
  }
}
