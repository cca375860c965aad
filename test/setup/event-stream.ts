/** A client of `GET /v1/stream`: reads events off a connection of its own, and keeps the last id as browsers do. */
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text as textOf } from 'node:stream/consumers';

export interface StreamEvent {
  readonly id: string;
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the tests look at what they expect
  readonly data: any;
}

export interface StreamOptions {
  readonly lastEventId?: string | undefined;
  /** With its question mark. */
  readonly search?: string;
  /** Reads nothing until resume() is called. */
  readonly paused?: boolean;
}

export class EventStream {
  readonly response: IncomingMessage;
  readonly events: StreamEvent[] = [];
  comments = 0;
  retryMs: number | undefined;
  lastEventId: string | undefined;
  /** The other side, or the way there, has ended it. */
  readonly closed: Promise<void>;
  isClosed = false;
  #rest = '';

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    this.closed = new Promise((resolve) => {
      const close = () => {
        this.isClosed = true;
        resolve();
      };
      response.on('close', close);
      response.on('error', close);
    });
  }

  /** Rejects when nobody answers; other answers than 200 are told by `refusal`. */
  static async open(url: string, token: string, options: StreamOptions = {}): Promise<EventStream> {
    const stream = new EventStream(await send(url, token, options));
    if (stream.response.statusCode !== 200) {
      throw new Error(`refused: ${stream.response.statusCode} ${await textOf(stream.response)}`);
    }
    if (options.paused !== true) stream.resume();
    return stream;
  }

  /** The problem that a refused stream is answered with. */
  static async refusal(url: string, token: string, options: StreamOptions = {}) {
    const response = await send(url, token, options);
    if (response.statusCode === 200) throw new Error('the stream was not refused');
    const problem = JSON.parse(await textOf(response)) as Record<string, unknown>;
    return { status: response.statusCode, headers: response.headers, problem };
  }

  resume(): void {
    this.response.on('data', (chunk: string) => this.#take(chunk));
  }

  /** Resolves when so many events have come, or with fewer when the stream has ended. */
  async atLeast(count: number): Promise<readonly StreamEvent[]> {
    while (this.events.length < count && !this.isClosed) {
      await Promise.race([once(this.response, 'data'), this.closed]);
    }
    return this.events;
  }

  /** Numbers of the pushes so far, without what tells about the stream itself. */
  get numbers(): number[] {
    return this.events
      .filter(({ type }) => !type.startsWith('stream.'))
      .map(({ id }) => Number(id));
  }

  destroy(): void {
    this.response.destroy();
  }

  #take(chunk: string): void {
    const blocks = (this.#rest + chunk).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#block(block);
  }

  #block(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon === 0) this.comments += 1;
      else fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
    }
    const retry = fields.get('retry');
    if (retry !== undefined) this.retryMs = Number(retry);
    const id = fields.get('id');
    if (id !== undefined) this.lastEventId = id;
    const data = fields.get('data');
    if (data === undefined) return;
    const type = fields.get('event') ?? 'message';
    this.events.push({ id: this.lastEventId ?? '', type, data: JSON.parse(data) as unknown });
  }
}

async function send(
  url: string,
  token: string,
  { lastEventId, search = '' }: StreamOptions,
): Promise<IncomingMessage> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (lastEventId !== undefined) headers['last-event-id'] = lastEventId;
  // An agent of its own: a connection each, none kept.
  const agent = new Agent({ keepAlive: false });
  const sent = request(`${url}/v1/stream${search}`, { agent, headers });
  sent.on('error', () => undefined);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}
