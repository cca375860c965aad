/** What a handler answers, as a plain value: it leaves through Hono, or straight on node's response (direct.ts). */
import type { ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** The body goes on after `body`, written by somebody else; one of its two methods is called, once. */
  readonly goesOn?: GoesOn | undefined;
}

/** Who takes node's response over once head and body are written, and ends it. */
export interface GoesOn {
  takeOver(outgoing: ServerResponse): void;
  /** There is no response to go on with. */
  drop(): void;
}

/** A JSON answer; `text` is JSON already. */
export function answerText(
  requestId: string,
  status: number,
  text: string,
  more?: Readonly<Record<string, string>>,
): Answer {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-request-id': requestId,
  };
  if (more !== undefined) Object.assign(headers, more);
  return { status, headers, body: text };
}

/** Answers of reads are about money and change all the time. */
const noStore = { 'cache-control': 'no-store' } as const;

/** A read's answer: 200, not to be stored by anybody. */
export function page(requestId: string, body: unknown): Answer {
  return answerText(requestId, 200, JSON.stringify(body), noStore);
}

/** For what cannot go on: the answer ends with its body. */
export function toResponse({ status, headers, body, goesOn }: Answer): Response {
  goesOn?.drop();
  // As writeTo has it, so that no browser takes text of users for markup.
  const all = { ...headers, 'x-content-type-options': 'nosniff' };
  return new Response(body, { status, headers: all });
}

/** Writes head and body in one piece. Does nothing when the client has gone. */
export function writeTo(outgoing: ServerResponse, { status, headers, body, goesOn }: Answer): void {
  if (outgoing.destroyed || outgoing.headersSent) {
    goesOn?.drop();
    return;
  }
  const head: string[] = ['x-content-type-options', 'nosniff'];
  for (const name in headers) head.push(name, headers[name] ?? '');
  if (goesOn !== undefined) {
    outgoing.writeHead(status, head);
    outgoing.write(body);
    goesOn.takeOver(outgoing);
    return;
  }
  const size = Buffer.byteLength(body);
  head.push('content-length', String(size));
  outgoing.writeHead(status, head);
  // ASCII, as nearly always: written as it is.
  if (typeof body === 'string' && body.length === size) outgoing.end(body, 'latin1');
  else outgoing.end(body);
}
