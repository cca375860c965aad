/**
 * The busiest routes without Hono: matched on node's own request and written to node's own response, through the same
 * pipeline. Measured at 256 connections: 15 µs of CPU for a constant answer instead of 20 µs (bench/README.md).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyBytesMax } from '../engine/limits.ts';
import { writeTo, type Answer } from './answer.ts';
import { type Incoming, NodeIncoming } from './incoming.ts';

export type Handler = (incoming: Incoming) => Promise<Answer>;

/** What a client may still send after it was answered, and for how long. */
const unreadBytesMax = 4 * bodyBytesMax;
const unreadMs = 500;

/**
 * Answers while the body is still coming: an honest client is let finish it, so that it reads the answer. The
 * connection of any other ends with the answer.
 */
function afterBody(message: IncomingMessage, outgoing: ServerResponse, answer: Answer): void {
  let size = 0;
  let answered = false;
  const end = () => {
    if (answered) return;
    answered = true;
    clearTimeout(timer);
    message.off('data', count);
    if (!message.complete) outgoing.shouldKeepAlive = false;
    writeTo(outgoing, answer);
  };
  const count = (chunk: Uint8Array) => {
    size += chunk.byteLength;
    if (size > unreadBytesMax) end();
  };
  const timer = setTimeout(end, unreadMs);
  message.on('data', count);
  message.on('end', end);
  message.on('close', end);
  message.resume();
}

/** True when it has taken the request; false leaves it, untouched, to Hono. */
export type Direct = (message: IncomingMessage, outgoing: ServerResponse) => boolean;

interface DirectRoute {
  readonly method: string;
  readonly target: RegExp;
  /** Its target's first group is the parameter, and the query its second. */
  readonly hasParam: boolean;
  readonly handler: Handler;
}

/**
 * Routes of the shape `/a/:id/b`. A target that needs decoding or normalising is not matched: Hono does that.
 *
 * @param onError a handler rejected, which pipeline handlers never do
 */
export class DirectRoutes {
  readonly #routes: DirectRoute[] = [];
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(method: string, path: string, handler: Handler): void {
    const target = new RegExp(`^${path.replace(/:\w+/, '([A-Za-z0-9_-]+)')}(\\?[^#]*)?$`);
    this.#routes.push({ method, target, hasParam: path.includes(':'), handler });
  }

  readonly take: Direct = (message, outgoing) => {
    const { method, url = '' } = message;
    for (const route of this.#routes) {
      if (route.method !== method) continue;
      const match = route.target.exec(url);
      if (match === null) continue;
      const [param = '', search = ''] = route.hasParam ? [match[1], match[2]] : ['', match[1]];
      const incoming = new NodeIncoming(message, param, search);
      route.handler(incoming).then(
        (answer) => {
          if (incoming.hasArrived) writeTo(outgoing, answer);
          else afterBody(message, outgoing, answer);
        },
        (error: unknown) => {
          this.#onError(error);
          outgoing.destroy();
        },
      );
      return true;
    }
    return false;
  };
}
