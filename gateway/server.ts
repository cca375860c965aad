/** The HTTP server: timeouts against slow attackers, problems for broken HTTP, graceful drain. */
import { createServer, ServerResponse, STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { drainTimeoutMs, requestTimeoutMs } from '../engine/limits.ts';
import { toResponse } from './answer.ts';
import type { GatewayApp, Lifecycle } from './app.ts';
import { problem, problemKinds, problemText, type ProblemCode } from './problems.ts';

export interface ServerOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  /** Default: all addresses. */
  readonly host?: string | undefined;
  /** The same object as the app's, so that readyz knows. */
  readonly lifecycle: Lifecycle;
  /** How long to go on serving with readyz 503 before the port closes, ms; for load balancers. */
  readonly graceMs?: number | undefined;
  /** Ends what would never end by itself; called when the port closes, after the grace. */
  readonly onClosing?: (() => void) | undefined;
}

export interface RunningServer {
  readonly port: number;
  /**
   * readyz 503, no new connections, requests in flight finish (up to limits.drainTimeoutMs), then all
   * connections close. Calling it again gives the same promise.
   */
  drain(): Promise<void>;
}

const maxHeaderSize = 16_384;
const maxHeaders = 100;
/** Headers come in one go from honest clients; a body of the largest size may be slow. */
const headersTimeout = requestTimeoutMs;
const receiveTimeout = 4 * requestTimeoutMs;
/** Longer than the idle time of usual load balancers, so that they close first. */
const keepAliveTimeout = 75_000;
const checkEveryMs = 1_000;
const sweepEveryMs = 50;
/** No request id: it failed before there was a request. */
const noRequest = 'none';

/** Problems of node's HTTP parser, by its error codes. */
function parserProblem(error: NodeJS.ErrnoException): ProblemCode {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return 'bad_request';
}

/** Answers what the parser refused, unless that could be taken for the answer of another request. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  const current = (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
  const mixed =
    current !== null && current !== undefined && error.code !== 'ERR_HTTP_REQUEST_TIMEOUT';
  if (error.code === 'ECONNRESET' || !socket.writable || mixed || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const code = parserProblem(error);
  const { status } = problemKinds[code];
  const text = problemText(code, noRequest);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n` +
      `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** Starts listening; rejects when the port cannot be had. */
export async function startServer(app: GatewayApp, options: ServerOptions): Promise<RunningServer> {
  const { lifecycle } = options;

  /** While draining each answer ends its connection; a check of one flag, no list of requests. */
  class DrainingResponse extends ServerResponse<IncomingMessage> {
    override writeHead(status: number, reason?: never, head?: never): this {
      if (lifecycle.draining) this.shouldKeepAlive = false;
      // The reason is left out by most callers, and then stands for the headers.
      return head === undefined
        ? super.writeHead(status, reason)
        : super.writeHead(status, reason, head);
    }
  }

  const listener = getRequestListener(app.fetch, {
    hostname: 'localhost',
    // A target or Host header that makes no URL; everything else is answered inside the app.
    errorHandler: () => toResponse(problem(noRequest, 'bad_request')),
  });
  const server = createServer(
    {
      ServerResponse: DrainingResponse,
      maxHeaderSize,
      headersTimeout,
      requestTimeout: receiveTimeout,
      keepAliveTimeout,
      connectionsCheckingInterval: checkEveryMs,
      noDelay: true,
    },
    (incoming, outgoing) => {
      if (!app.direct(incoming, outgoing)) void listener(incoming, outgoing);
    },
  );
  server.maxHeadersCount = maxHeaders;
  server.on('clientError', refuseBroken);

  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;

  const drain = async (): Promise<void> => {
    lifecycle.draining = true;
    if (options.graceMs !== undefined && options.graceMs > 0) await delay(options.graceMs);
    // close() also ends connections that wait for their next request now; the sweep ends those that
    // wait a moment later, having been answered before the drain began.
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    options.onClosing?.();
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    const sweep = setInterval(() => server.closeIdleConnections(), sweepEveryMs);
    const limit = setTimeout(() => server.closeAllConnections(), drainTimeoutMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(limit);
  };
  let drained: Promise<void> | undefined;
  return { port, drain: () => (drained ??= drain()) };
}
