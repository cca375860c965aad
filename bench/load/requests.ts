/**
 * Bytes of requests. Every connection has one buffer, into which head, token and body are copied: autocannon's own
 * requests would be built from objects each time and be the bottleneck. A connection has one request under way, so its
 * buffer is free again when the next one is due.
 */
import type { LoadClient } from './client.ts';
import { lives } from './lifecycle.ts';
import type { LoadBatch, Traffic } from './protocol.ts';
import { requestsEach, spreadRequests } from './spread.ts';
import { type Authorizations, signToken } from './tokens.ts';

/** Writes the next request into a connection's buffer and gives its length. */
export type WriteNext = (buffer: Buffer) => number;

export const requestBytesMax = 2_048;

interface Frame {
  readonly head: Buffer;
  readonly tail: Buffer;
}

interface Place {
  readonly batch: number;
  readonly receiver: number;
}

export interface Source {
  forClient(client: LoadClient): WriteNext;
  /** There were more requests than there was anything to ask for. */
  exhausted(): boolean;
}

export function requestsOf(
  url: string,
  traffic: Traffic,
  tokens: Authorizations,
  secret: string,
): Source {
  const { host } = new URL(url);
  const never = () => false;
  switch (traffic.kind) {
    case 'lifecycle':
      return { forClient: lives(host, secret), exhausted: never };
    case 'details': {
      const request = detailsRequest(host, traffic.batch, secret);
      return { forClient: () => (buffer) => request.copy(buffer, 0), exhausted: never };
    }
    case 'losers':
      return claims(host, [traffic.batch], losing(traffic.winners, tokens.count), tokens);
    case 'claims':
      return claims(host, traffic.batches, inTurn(traffic.batches.length, tokens.count), tokens);
    case 'spread': {
      const next = spreadRequests(traffic.batches.length, traffic.from);
      const places = () => {
        const request = next();
        if (request === undefined) return undefined;
        const { batch, turn } = request;
        return { batch, receiver: (batch * requestsEach + turn) % tokens.count };
      };
      return claims(host, traffic.batches, places, tokens);
    }
  }
}

/** All receivers in one batch, then all in the next. */
function inTurn(batches: number, receivers: number): () => Place | undefined {
  let batch = 0;
  let receiver = 0;
  return () => {
    if (receiver === receivers) {
      receiver = 0;
      batch += 1;
    }
    receiver += 1;
    return batch < batches ? { batch, receiver: receiver - 1 } : undefined;
  };
}

/** Everybody but the first ones, again and again. */
function losing(winners: number, receivers: number): () => Place {
  let turn = 0;
  return () => {
    turn += 1;
    return { batch: 0, receiver: winners + (turn % (receivers - winners)) };
  };
}

function claims(
  host: string,
  batches: readonly LoadBatch[],
  next: () => Place | undefined,
  { bytes, width }: Authorizations,
): Source {
  const frames = batches.map((batch) => claimFrame(host, batch));
  let exhausted = false;
  const writeNext = (buffer: Buffer) => {
    const place = next();
    exhausted ||= place === undefined;
    const { batch, receiver } = place ?? { batch: 0, receiver: 0 };
    const { head, tail } = frames[batch % frames.length] as Frame;
    let end = head.copy(buffer, 0);
    end += bytes.copy(buffer, end, receiver * width, (receiver + 1) * width);
    return end + tail.copy(buffer, end);
  };
  return { forClient: () => writeNext, exhausted: () => exhausted };
}

function claimFrame(host: string, { id, key }: LoadBatch): Frame {
  const body = JSON.stringify({ key });
  const head = `POST /v1/batches/${id}/claims?open=true HTTP/1.1\r\nHost: ${host}\r\n`;
  const tail = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  return { head: Buffer.from(head, 'latin1'), tail: Buffer.from(tail, 'latin1') };
}

function detailsRequest(host: string, { id }: LoadBatch, secret: string): Buffer {
  const token = signToken(secret, 'sender');
  return Buffer.from(
    `GET /v1/batches/${id}/claims HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    'latin1',
  );
}
