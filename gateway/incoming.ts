/** A request as the pipeline reads it, from Hono's context or straight from node's message. */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { bodyBytesMax } from '../engine/limits.ts';

export interface GatewayEnv {
  Bindings: Partial<HttpBindings>;
}
export type GatewayContext = Context<GatewayEnv>;

export interface Incoming {
  readonly method: string;
  /** By its lower-case name; undefined also when it came several times and is no list. */
  header(name: string): string | undefined;
  /** A path parameter, decoded; empty when the route has none of this name. */
  param(name: string): string;
  /** The query with its question mark, or empty. */
  readonly search: string;
  /** Path and query, as another node is asked for them. */
  readonly target: string;
  /** True when a body is announced; node takes none that is not. */
  hasBody(): boolean;
  /** At most bodyBytesMax; undefined when there is more. Rejects when the client goes away. */
  bytes(): Promise<Uint8Array | undefined>;
  /** The client is gone, so nobody reads the answer. */
  gone(): boolean;
}

function announcesBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

const isGone = (message: IncomingMessage) => message.destroyed && !message.complete;

/** Straight from node's message: no Web Request is made. */
export class NodeIncoming implements Incoming {
  readonly #message: IncomingMessage;
  readonly #param: string;
  readonly search: string;
  #arrived = false;

  /** @param param value of the route's one path parameter, whatever its name */
  constructor(message: IncomingMessage, param: string, search: string) {
    this.#message = message;
    this.#param = param;
    this.search = search;
  }

  get method(): string {
    return this.#message.method ?? '';
  }
  get target(): string {
    return this.#message.url ?? '';
  }
  header(name: string): string | undefined {
    return headerOf(this.#message, name);
  }
  param(): string {
    return this.#param;
  }
  hasBody(): boolean {
    return announcesBody(this.#message);
  }
  gone(): boolean {
    return isGone(this.#message);
  }

  /** Nothing of the request is still on its way. */
  get hasArrived(): boolean {
    return this.#arrived || this.#message.complete || !announcesBody(this.#message);
  }

  bytes(): Promise<Uint8Array | undefined> {
    const message = this.#message;
    // Nobody would say so again.
    if (isGone(message)) return Promise.reject(new Error('the client has gone'));
    // The HTTP parser holds the client to the announced length.
    const announced = Number(message.headers['content-length']);
    if (announced > bodyBytesMax) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      message.on('data', (chunk: Buffer) => {
        size += chunk.byteLength;
        // The usual small body comes in one piece; its end need not be waited for.
        if (chunk.byteLength === announced) {
          this.#arrived = true;
          resolve(chunk);
        }
        // More than that is let go by, and bounded where it is answered (direct.ts).
        if (size > bodyBytesMax) resolve(undefined);
        else chunks.push(chunk);
      });
      message.on('end', () =>
        resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)),
      );
      message.on('error', reject);
    });
  }
}

/** From Hono; tests ask the application without a server, and then there is no message of node. */
class HonoIncoming implements Incoming {
  readonly #c: GatewayContext;
  readonly #message: IncomingMessage | undefined;

  constructor(c: GatewayContext) {
    this.#c = c;
    const bindings: Partial<HttpBindings> | undefined = c.env;
    this.#message = bindings?.incoming as IncomingMessage | undefined;
  }

  get method(): string {
    return this.#c.req.method;
  }
  get search(): string {
    const { url } = this.#c.req.raw;
    const mark = url.indexOf('?');
    return mark === -1 ? '' : url.slice(mark);
  }
  get target(): string {
    const { pathname, search } = new URL(this.#c.req.url);
    return `${pathname}${search}`;
  }
  header(name: string): string | undefined {
    return this.#message === undefined ? this.#c.req.header(name) : headerOf(this.#message, name);
  }
  param(name: string): string {
    return this.#c.req.param(name) ?? '';
  }
  hasBody(): boolean {
    return this.#message === undefined
      ? this.#c.req.raw.body !== null
      : announcesBody(this.#message);
  }
  gone(): boolean {
    return this.#message === undefined ? this.#c.req.raw.signal.aborted : isGone(this.#message);
  }

  async bytes(): Promise<Uint8Array | undefined> {
    const { raw } = this.#c.req;
    const length = this.header('content-length');
    if (length !== undefined) {
      if (Number(length) > bodyBytesMax) return undefined;
      if (this.#message !== undefined) return new Uint8Array(await raw.arrayBuffer());
    }
    const reader = raw.body?.getReader();
    const chunks: Uint8Array[] = [];
    let size = 0;
    while (reader !== undefined) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size > bodyBytesMax) return undefined;
      chunks.push(value);
    }
    return Buffer.concat(chunks);
  }
}

export function honoIncoming(c: GatewayContext): Incoming {
  return new HonoIncoming(c);
}
