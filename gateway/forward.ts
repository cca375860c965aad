/**
 * Requests for a batch whose shard another node holds go there as they came, token and all. A node that is not
 * reached answers nothing, so the client is told that nobody knows (invariant 7).
 */
import type { Engine } from '../engine/api.ts';
import { requestTimeoutMs } from '../engine/limits.ts';
import { header, type GatewayContext } from './http.ts';
import { problem } from './problems.ts';

/** Marks a request that another node has sent on: it is answered here, whatever the answer is. */
const forwardedHeader = 'x-hongbao-forwarded';
/** Newest journal job that the answer may reveal, so that the other node's reads wait for it. */
const toldHeader = 'x-hongbao-told';
const keptRequestHeaders = ['authorization', 'idempotency-key'];
const keptAnswerHeaders = ['content-type', 'retry-after', 'idempotency-replayed'];

export interface Forwarder {
  /** The other node's answer; undefined when the request is for this node. */
  forward(
    c: GatewayContext,
    requestId: string,
    about: { readonly batchId: string; readonly userId: string },
    body: unknown,
  ): Promise<Response> | undefined;
  /** Adds to an answer what the node that sent the request on must know. */
  mark(c: GatewayContext, response: Response, batchId: string): Response;
}

type Nodes = Pick<Engine, 'holderUrl' | 'noteForwarded' | 'toldAbout'>;

export function forwarderTo(engine: Nodes): Forwarder {
  return {
    forward(c, requestId, { batchId, userId }, body) {
      const url = engine.holderUrl(batchId);
      if (url === undefined || header(c, forwardedHeader) !== undefined) return undefined;
      return ask(c, url, requestId, body)
        .then((answer) => {
          const told = answer.headers.get(toldHeader);
          if (told !== null) engine.noteForwarded(told, userId, batchId);
          return relay(answer, requestId);
        })
        .catch(() => problem(requestId, 'unknown', { retryAfterSeconds: 1 }));
    },
    mark(c, response, batchId) {
      if (header(c, forwardedHeader) === undefined) return response;
      const told = engine.toldAbout(batchId);
      if (told !== undefined) response.headers.set(toldHeader, told);
      return response;
    },
  };
}

function ask(c: GatewayContext, url: string, requestId: string, body: unknown): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  const headers: Record<string, string> = { [forwardedHeader]: '1', 'x-request-id': requestId };
  for (const name of keptRequestHeaders) {
    const value = header(c, name);
    if (value !== undefined) headers[name] = value;
  }
  if (body !== undefined) headers['content-type'] = 'application/json';
  return fetch(`${url}${pathname}${search}`, {
    method: c.req.method,
    headers,
    redirect: 'error',
    signal: AbortSignal.timeout(requestTimeoutMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function relay(answer: Response, requestId: string): Promise<Response> {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  for (const name of keptAnswerHeaders) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return new Response(await answer.text(), { status: answer.status, headers });
}
