/** How the sandbox platform answers: plainly, or as a fault wants it. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { write, writeText } from './answer.ts';
import type { PlatformFault } from './platform-faults.ts';

export interface PlatformAnswer {
  readonly status: number;
  readonly body: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

const hugeBytes = 20_000_000;
const busySeconds = 1;

export const busy: PlatformAnswer = {
  status: 429,
  body: { code: 'too_many_requests' },
  headers: { 'retry-after': String(busySeconds) },
};

export async function writePlatformAnswer(
  response: ServerResponse,
  answer: PlatformAnswer,
  fault: PlatformFault | undefined,
): Promise<void> {
  switch (fault?.kind) {
    case 'slow':
      await sleep(fault.delayMs);
      return plain(response, answer);
    case 'silent':
      return;
    case 'error':
      return write(response, { status: 500, body: { code: 'internal' } });
    case 'busy':
      return plain(response, busy);
    case 'html':
      return writeText(response, 200, 'text/html', '<h1>Down for maintenance</h1>');
    case 'truncated':
      return writeText(
        response,
        answer.status,
        'application/json',
        JSON.stringify(answer.body).slice(0, -2),
      );
    case 'huge':
      return write(response, { status: answer.status, body: ['x'.repeat(hugeBytes)] });
    case 'redirect':
      response.setHeader('location', '/elsewhere');
      return write(response, { status: 302, body: {} });
    case 'expired':
    case 'twice':
    case 'reversed':
    case 'broken':
    case undefined:
      return plain(response, answer);
  }
}

function plain(response: ServerResponse, { status, body, headers = {} }: PlatformAnswer): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body !== undefined) return write(response, { status, body });
  response.writeHead(status, { 'content-length': 0 });
  response.end();
}

/** What a fault makes of a page; `broken` are trades as no platform should send them. */
export function disturbed<Item>(
  items: readonly Item[],
  fault: PlatformFault | undefined,
  broken: readonly Item[],
): readonly Item[] {
  switch (fault?.kind) {
    case 'twice':
      return [...items, ...items];
    case 'reversed':
      return items.toReversed();
    case 'broken':
      return [...broken, ...items];
    default:
      return items;
  }
}
