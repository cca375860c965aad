/**
 * The sandbox over HTTP: `/bank`, `/codes` as deploy/bank-api.md has them, `/faults`, the outbox, and a trade platform.
 */
import { timingSafeEqual, createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { Faults, faultSchema } from '../../engine/bank/faults.ts';
import { BankBooks, type BankLine } from '../../engine/bank/sandbox-books.ts';
import { readBody, write, writeFaulty, writeText } from './answer.ts';
import { BankRoutes, type Decided } from './bank-routes.ts';
import { openLineFile } from './line-file.ts';
import { Outbox } from './outbox.ts';
import { outboxPage } from './page.ts';
import { SandboxPlatform } from './platform-server.ts';

export interface SandboxOptions {
  /** What the bank has done is kept there; undefined: in memory. */
  readonly file: string | undefined;
  /** Bearer token that the bank and the sender of codes ask for; undefined: none. */
  readonly token: string | undefined;
  readonly random?: () => number;
}

export interface Sandbox {
  readonly server: Server;
  readonly books: BankBooks;
  readonly faults: Faults;
  readonly outbox: Outbox;
  readonly close: () => Promise<void>;
}

const codeSchema = z.strictObject({
  id: z.string().min(1).max(64),
  userId: z.string().min(1),
  code: z.string().min(1),
  expiresAt: z.iso.datetime().transform((text) => Date.parse(text)),
});

/** Not listening yet. */
export function createSandbox(options: SandboxOptions): Sandbox {
  const { file: path, random = Math.random } = options;
  const file = path === undefined ? undefined : openLineFile<BankLine>(path);
  const now = () => Date.now();
  const books = new BankBooks({
    now,
    ...(file === undefined ? {} : { write: file.append, lines: file.lines }),
  });
  const faults = new Faults(random);
  const outbox = new Outbox();
  const bank = new BankRoutes(books, faults);
  const platform = new SandboxPlatform({
    token: 'ck_sandbox:cs_sandbox',
    webhookSecret: 'sandbox-webhook-secret',
  });

  const takeCode = (body: object | undefined): Decided => {
    const parsed = codeSchema.safeParse(body);
    if (!parsed.success)
      return { answer: { status: 400, body: { code: 'bad_request' } }, fault: undefined };
    const { id } = parsed.data;
    const fault = faults.strike('code', id);
    const taken = { status: 202, body: { id, status: 'taken' } };
    if (fault?.kind === 'error_before' || fault?.kind === 'silent_before')
      return { answer: taken, fault };
    if (outbox.take(parsed.data, now())) return { answer: taken, fault };
    return { answer: { status: 409, body: { code: 'idempotency_key_reused', id } }, fault };
  };

  /** What only a holder of the token may ask; undefined: no such route. */
  const decide = async (request: IncomingMessage, url: URL): Promise<Decided | undefined> => {
    const key = request.headers['idempotency-key'];
    switch (`${request.method} ${url.pathname}`) {
      case 'POST /bank/payouts':
        return bank.order(await readBody(request), typeof key === 'string' ? key : undefined);
      case 'GET /bank/payouts':
        return bank.list(url.searchParams);
      case 'POST /codes/messages':
        return takeCode(await readBody(request));
      default: {
        const [, id] = /^\/bank\/payouts\/([^/]+)$/.exec(url.pathname) ?? [];
        return id === undefined || request.method !== 'GET'
          ? undefined
          : bank.query(decodeURIComponent(id));
      }
    }
  };

  const show = async (request: IncomingMessage, response: ServerResponse, url: URL) => {
    const userId = url.searchParams.get('userId') ?? undefined;
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /':
      case 'GET /outbox':
        return writeText(
          response,
          200,
          'text/html; charset=utf-8',
          outboxPage(outbox.list(userId), books.records),
        );
      case 'GET /outbox.json':
        return write(response, { status: 200, body: { items: outbox.list(userId) } });
      case 'GET /faults':
        return write(response, { status: 200, body: { items: faults.all } });
      case 'DELETE /faults':
        faults.clear();
        return write(response, { status: 200, body: { items: [] } });
      case 'POST /faults': {
        const parsed = faultSchema.safeParse(await readBody(request));
        if (parsed.success) return write(response, { status: 201, body: faults.add(parsed.data) });
        const body = { code: 'bad_request', detail: z.prettifyError(parsed.error) };
        return write(response, { status: 400, body });
      }
      default:
        return write(response, { status: 404, body: { code: 'no_such_route' } });
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    if (await platform.handle(request, response, url)) return;
    if (!/^\/(bank|codes)\//.test(url.pathname)) {
      if (isFromHere(request)) return show(request, response, url);
      return write(response, { status: 403, body: { code: 'not_from_here' } });
    }
    if (!isAllowed(request, options.token))
      return write(response, { status: 401, body: { code: 'unauthorized' } });
    const decided = await decide(request, url);
    if (decided === undefined)
      return write(response, { status: 404, body: { code: 'no_such_route' } });
    return writeFaulty(response, decided.answer, decided.fault);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  return {
    server,
    books,
    faults,
    outbox,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      file?.close();
    },
  };
}

const ownName = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/** Codes and faults are for who sits here: not for a page from elsewhere, nor under a name that others point at us. */
function isFromHere({ headers }: IncomingMessage): boolean {
  return ownName.test(headers.host ?? '') && headers['sec-fetch-site'] !== 'cross-site';
}

function isAllowed(request: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${token}`));
}
