/**
 * Requests for a batch whose shard another node holds go there as they came, token and all. A node that is not
 * reached answers nothing, so the client is told that nobody knows (invariant 7).
 */
import type { Engine } from '../engine/api.ts';
import { requestTimeoutMs } from '../engine/limits.ts';
import type { Answer } from './answer.ts';
import type { Incoming } from './incoming.ts';
import { problem } from './problems.ts';

/** Marks a request that another node has sent on: it is answered here, whatever the answer is. */
const forwardedHeader = 'x-hongbao-forwarded';
/** Newest journal job that the answer may reveal, so that the other node's reads wait for it. */
const toldHeader = 'x-hongbao-told';
const keptRequestHeaders = ['authorization', 'idempotency-key'];
const keptAnswerHeaders = [
  'content-type',
  'cache-control',
  'retry-after',
  'idempotency-replayed',
  'ratelimit',
  'ratelimit-policy',
];

export interface Forwarder {
  /** The other node's answer; undefined when the request is for this node. */
  forward(
    incoming: Incoming,
    requestId: string,
    about: { readonly batchId: string; readonly userId: string },
    body: unknown,
  ): Promise<Answer> | undefined;
  /** Adds to an answer what the node that sent the request on must know. */
  mark(incoming: Incoming, answer: Answer, batchId: string): Answer;
}

type Nodes = Pick<Engine, 'holderUrl' | 'noteForwarded' | 'toldAbout'>;

export function forwarderTo(engine: Nodes): Forwarder {
  return {
    forward(incoming, requestId, { batchId, userId }, body) {
      const url = engine.holderUrl(batchId);
      if (url === undefined || incoming.header(forwardedHeader) !== undefined) return undefined;
      return ask(incoming, url, requestId, body)
        .then((answer) => {
          const told = answer.headers.get(toldHeader);
          if (told !== null) engine.noteForwarded(told, userId, batchId);
          return relay(answer, requestId);
        })
        .catch(() => problem(requestId, 'unknown', { retryAfterSeconds: 1 }));
    },
    mark(incoming, answer, batchId) {
      if (incoming.header(forwardedHeader) === undefined) return answer;
      const told = engine.toldAbout(batchId);
      return told === undefined
        ? answer
        : { ...answer, headers: { ...answer.headers, [toldHeader]: told } };
    },
  };
}

function ask(incoming: Incoming, url: string, requestId: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { [forwardedHeader]: '1', 'x-request-id': requestId };
  for (const name of keptRequestHeaders) {
    const value = incoming.header(name);
    if (value !== undefined) headers[name] = value;
  }
  if (body !== undefined) headers['content-type'] = 'application/json';
  return fetch(`${url}${incoming.target}`, {
    method: incoming.method,
    headers,
    redirect: 'error',
    signal: AbortSignal.timeout(requestTimeoutMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function relay(answer: Response, requestId: string): Promise<Answer> {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  for (const name of keptAnswerHeaders) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { status: answer.status, headers, body: await answer.text() };
}
