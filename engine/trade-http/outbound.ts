/**
 * Requests to one configured server and to nobody else: its host is fixed, its address pinned and public, TLS is
 * required (both but for the sandbox), redirects are not followed, answers are bounded in bytes and time, and none is
 * unpacked. Reasons are words of ours, which never hold what was sent or received.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { platformAnswerBytesMax, platformConnectionsMax, platformTimeoutMs } from '../limits.ts';
import {
  checkLiteral,
  ForbiddenAddress,
  pinnedLookup,
  type Resolve,
  resolveBySystem,
} from './pinned-lookup.ts';

export interface OutboundOptions {
  /** Base of all paths. */
  readonly url: string;
  /** Plain HTTP and private addresses are allowed. */
  readonly sandbox: boolean;
  readonly timeoutMs?: number;
  readonly answerBytesMax?: number;
  /** Default: the system's. */
  readonly resolve?: Resolve;
  /** Certificates trusted besides the system's; for tests. */
  readonly ca?: string;
}

export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Below the base; begins with a slash; its parts are encoded by the caller. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** Instead of the usual bound. */
  readonly answerBytesMax?: number;
}

export type FailureReason =
  | 'forbidden'
  | 'silent'
  | 'unreachable'
  | 'too_large'
  | 'packed'
  | 'redirect';

export type OutboundReply =
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly headers: IncomingMessage['headers'];
      readonly body: Buffer;
    }
  | { readonly kind: 'failure'; readonly reason: FailureReason };

export interface Outbound {
  /** Never rejects. */
  send(request: OutboundRequest): Promise<OutboundReply>;
  close(): void;
}

export function outbound(options: OutboundOptions): Outbound {
  const base = new URL(options.url);
  const isTls = base.protocol === 'https:';
  const isAllowed = (isTls || options.sandbox) && checkLiteral(base.hostname, options.sandbox);
  const names = pinnedLookup(options.resolve ?? resolveBySystem, options.sandbox);
  const pool = { keepAlive: true, maxSockets: platformConnectionsMax, lookup: names.lookup };
  const agent = isTls
    ? new HttpsAgent({ ...pool, minVersion: 'TLSv1.2', ...(options.ca && { ca: options.ca }) })
    : new HttpAgent(pool);
  const open = isTls ? httpsRequest : httpRequest;
  const prefix = base.pathname.replace(/\/+$/, '');
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const port = base.port === '' ? undefined : Number(base.port);

  const send = (request: OutboundRequest): Promise<OutboundReply> => {
    const { promise, resolve } = Promise.withResolvers<OutboundReply>();
    const fail = (reason: FailureReason) => resolve({ kind: 'failure', reason });
    const text = request.body === undefined ? undefined : JSON.stringify(request.body);
    const bytesMax = request.answerBytesMax ?? options.answerBytesMax ?? platformAnswerBytesMax;
    const signal = AbortSignal.timeout(options.timeoutMs ?? platformTimeoutMs);
    const sending = open(
      {
        host,
        ...(port === undefined ? {} : { port }),
        method: request.method,
        path: `${prefix}${request.path}`,
        agent,
        signal,
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...request.headers,
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      },
      (response) => {
        const end = (reason: FailureReason) => {
          fail(reason);
          // The rest is not read: the connection is of no more use.
          response.destroy();
        };
        const { statusCode: status = 0, headers } = response;
        if (status >= 300 && status < 400) return end('redirect');
        if ((headers['content-encoding'] ?? 'identity') !== 'identity') return end('packed');
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > bytesMax) end('too_large');
          else chunks.push(chunk);
        });
        response.on('end', () =>
          resolve({ kind: 'reply', status, headers, body: Buffer.concat(chunks) }),
        );
        response.on('error', () => fail(signal.aborted ? 'silent' : 'unreachable'));
        response.on('close', () => fail('unreachable'));
      },
    );
    // Such a connection speaks something else from now on; without a listener nothing would ever be told of it.
    sending.on('upgrade', (_response, socket) => {
      fail('unreachable');
      socket.destroy();
    });
    sending.on('error', (error) => {
      if (error instanceof ForbiddenAddress) return fail('forbidden');
      if (signal.aborted) return fail('silent');
      // Perhaps the server has moved.
      names.forget();
      fail('unreachable');
    });
    sending.end(text);
    return promise;
  };

  return {
    send: (request) =>
      isAllowed ? send(request) : Promise.resolve({ kind: 'failure', reason: 'forbidden' }),
    close: () => agent.destroy(),
  };
}
