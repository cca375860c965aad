/** How the sandbox answers: plainly, or as a fault wants it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, MalformedVariant } from '../../engine/bank/faults.ts';

export interface Answer {
  readonly status: number;
  readonly body: object;
}

const requestBytesMax = 1_000_000;
const hugeBytes = 4_000_000;

export function write(response: ServerResponse, { status, body }: Answer): void {
  writeText(response, status, 'application/json', JSON.stringify(body));
}

export function writeText(
  response: ServerResponse,
  status: number,
  contentType: string,
  text: string,
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

/** Writes the answer, or what `fault` makes of it. What should be done has been done. */
export async function writeFaulty(
  response: ServerResponse,
  answer: Answer,
  fault: Fault | undefined,
): Promise<void> {
  switch (fault?.kind) {
    case 'slow':
      await sleep(fault.delayMs);
      return write(response, answer);
    case 'error_before':
    case 'error_after':
      return write(response, { status: 500, body: { code: 'internal' } });
    case 'silent_before':
    case 'silent_after':
    case 'forgotten':
      // The connection stays open until the other side has enough.
      return;
    case 'malformed':
      return writeMalformed(response, answer, fault.variant);
    case 'twice':
      return writeTwice(response, answer);
    case 'stale':
    case 'refuse':
    case 'refuse_late':
    case 'late':
    case undefined:
      return write(response, answer);
  }
}

function writeMalformed(response: ServerResponse, answer: Answer, variant: MalformedVariant): void {
  const { status, body } = answer;
  const text = JSON.stringify(body);
  switch (variant) {
    case 'html':
      return writeText(response, 200, 'text/html', '<h1>Welcome to the bank</h1>');
    case 'truncated':
      return writeText(response, status, 'application/json', text.slice(0, text.length / 2));
    case 'huge':
      return write(response, { status, body: { ...body, padding: 'x'.repeat(hugeBytes) } });
    case 'redirect':
      response.writeHead(307, { location: '/elsewhere', 'content-length': 0 });
      response.end();
      return;
    case 'other_id':
      return write(response, { status, body: { ...body, id: 'somebody-else' } });
    case 'other_amount':
      return write(response, { status, body: { ...body, amount: 1, asset: 'OTHER' } });
    case 'new_status':
      return write(response, { status, body: { ...body, status: 'undecided' } });
    case 'new_refusal':
      return write(response, {
        status: 422,
        body: { ...body, code: 'full_moon', status: 'failed' },
      });
  }
}

/** Two answers to one request, by themselves on the connection. */
function writeTwice(response: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  const one = `HTTP/1.1 ${status} Twice\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${text}`;
  response.socket?.end(one + one);
}

/** Undefined when it is too large or no JSON object. */
export async function readBody(request: IncomingMessage): Promise<object | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > requestBytesMax) return undefined;
    chunks.push(chunk);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}
