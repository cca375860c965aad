/** Small helpers over Hono's context that keep the hot path free of Web Request objects. */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

export interface GatewayEnv {
  Bindings: Partial<HttpBindings>;
}
export type GatewayContext = Context<GatewayEnv>;

/** node's own request; absent without a server, as under a test's `app.request`. */
export function nodeRequest(c: GatewayContext): IncomingMessage | undefined {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  return bindings?.incoming as IncomingMessage | undefined;
}

/** A request header by its lower-case name; node's own table when there is one, it is parsed once. */
export function header(c: GatewayContext, name: string): string | undefined {
  const incoming = nodeRequest(c);
  if (incoming === undefined) return c.req.header(name);
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** True when the client is gone, so nobody reads the answer. */
export function clientGone(c: GatewayContext): boolean {
  const incoming = nodeRequest(c);
  return incoming === undefined
    ? c.req.raw.signal.aborted
    : incoming.destroyed && !incoming.complete;
}

/**
 * A JSON answer. Headers are a plain object and the Response is made directly: `c.json` with several
 * headers builds a Headers object per answer.
 */
export function answerText(
  requestId: string,
  status: number,
  text: string,
  more?: Readonly<Record<string, string>>,
): Response {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-request-id': requestId,
  };
  if (more !== undefined) Object.assign(headers, more);
  return new Response(text, { status, headers });
}

/** Answers of reads are about money and change all the time. */
const noStore = { 'cache-control': 'no-store' } as const;

/** A read's answer: 200, not to be stored by anybody. */
export function page(requestId: string, body: unknown): Response {
  return answerText(requestId, 200, JSON.stringify(body), noStore);
}

let lastMs = Number.NaN;
let lastText = '';

/** RFC 3339 UTC of ms since the epoch; many claims share a millisecond, so the last is kept. */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}

/** `isoTime` that passes undefined on, for fields that JSON leaves out. */
export function isoTimeMaybe(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : isoTime(ms);
}

/** Closes a switch over outcomes: a new outcome without an answer does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unexpected outcome ${JSON.stringify(value)}`);
}
