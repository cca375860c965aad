/** The sandbox platform's side of deploy/trade-platform-api.md. */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { readBody } from './answer.ts';
import { disturbed, type PlatformAnswer } from './platform-answer.ts';
import type { PlatformBooks, SandboxTrade } from './platform-books.ts';
import type { PlatformFault, PlatformFaults } from './platform-faults.ts';

export interface PlatformDecision {
  readonly answer: PlatformAnswer;
  readonly fault?: PlatformFault | undefined;
}

const loginSchema = z.strictObject({ account: z.string(), secret: z.string() });
const mappingSchema = z.strictObject({
  userId: z.string(),
  active: z.boolean(),
  webhookUrl: z.url(),
});
const querySchema = z.object({
  account: z.string(),
  after: z
    .string()
    .regex(/^t\d{1,15}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(100),
});

const refused = (status: number, code: string): PlatformDecision => ({
  answer: { status, body: { code } },
});

export class GenericRoutes {
  readonly #books: PlatformBooks;
  readonly #faults: PlatformFaults;
  readonly #token: string;

  constructor(books: PlatformBooks, faults: PlatformFaults, token: string) {
    this.#books = books;
    this.#faults = faults;
    this.#token = token;
  }

  async decide(
    request: IncomingMessage,
    path: string,
    query: URLSearchParams,
  ): Promise<PlatformDecision> {
    if (request.method === 'POST' && path === '/login') return this.#login(await readBody(request));
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (request.method === 'GET' && path === '/trades') return this.#trades(query, bearer);
    const [, account] = /^\/mappings\/([^/]+)$/.exec(path) ?? [];
    if (request.method === 'PUT' && account !== undefined) {
      return this.#map(decodeURIComponent(account), await readBody(request), bearer);
    }
    return refused(404, 'no_such_route');
  }

  #login(body: object | undefined): PlatformDecision {
    const parsed = loginSchema.safeParse(body);
    if (!parsed.success) return refused(400, 'bad_request');
    const { account, secret } = parsed.data;
    const fault = this.#faults.strike('login', account);
    if (this.#books.secretOf(account) !== secret) {
      return { ...refused(401, 'wrong_secret'), fault };
    }
    const { session, expiresAt } = this.#books.login(account);
    const answer = { session, expiresAt: new Date(expiresAt).toISOString() };
    return { answer: { status: 200, body: answer }, fault };
  }

  #trades(query: URLSearchParams, session: string): PlatformDecision {
    const parsed = querySchema.safeParse(Object.fromEntries(query));
    if (!parsed.success) return refused(400, 'bad_request');
    const { account, after, limit } = parsed.data;
    const fault = this.#faults.strike('trades', account);
    const isKnown = this.#books.accountOfSession(session) === account;
    if (!isKnown || fault?.kind === 'expired') return { ...refused(401, 'session_expired'), fault };
    const all = this.#books.tradesOf(account);
    const from = after === undefined ? all.length : Number(after.slice(1));
    const page = all.slice(from, from + limit);
    const cursor = `t${from + page.length}`;
    const more = from + page.length < all.length;
    const trades = disturbed(page.map(wireOf), fault, brokenTrades);
    this.#books.polled(account);
    return { answer: { status: 200, body: { trades, cursor, more } }, fault };
  }

  #map(account: string, body: object | undefined, token: string): PlatformDecision {
    const parsed = mappingSchema.safeParse(body);
    if (token !== this.#token) return refused(401, 'unauthorized');
    if (!parsed.success) return refused(400, 'bad_request');
    const fault = this.#faults.strike('register', account);
    if (fault?.kind === 'error') return { ...refused(500, 'internal'), fault };
    const { userId, active, webhookUrl } = parsed.data;
    if (active) this.#books.mappings.set(account, { userId, webhookUrl });
    else if (this.#books.mappings.get(account)?.userId === userId) {
      this.#books.mappings.delete(account);
    }
    return { answer: { status: 204, body: undefined }, fault };
  }
}

/** As the contract wants it. */
export function wireOf(trade: SandboxTrade): object {
  const { id, account, title, categories, price, currency, at } = trade;
  return (
    trade.raw ?? {
      id,
      account,
      title,
      categories,
      price,
      currency,
      url: `https://shop.example/trades/${id}`,
      at: new Date(at).toISOString(),
    }
  );
}

const brokenTrades = [
  { id: 'broken-1', price: '12.9' },
  { id: 'broken-2', title: 'x'.repeat(100_000) },
];
