/**
 * A trade platform for development, tests and benchmarks, in both contracts over the same accounts and trades:
 * `/generic` as deploy/trade-platform-api.md has it, `/shop` as WooCommerce. What happens there is told it below
 * `/control`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { readBody, write } from './answer.ts';
import { busy, writePlatformAnswer } from './platform-answer.ts';
import { PlatformBooks } from './platform-books.ts';
import { PlatformFaults, platformFaultSchema } from './platform-faults.ts';
import { GenericRoutes, type PlatformDecision } from './platform-generic.ts';
import { deliver, genericPush, type Push, type PushOptions, shopPush } from './platform-push.ts';
import { ShopRoutes } from './platform-shop.ts';

export interface PlatformOptions {
  /** What we have to show to register mappings. */
  readonly token: string;
  /** Signs pushes. */
  readonly webhookSecret: string;
  readonly now?: () => number;
  readonly random?: () => number;
  /** Above it, 429; both contracts together. */
  readonly requestsPerSecond?: number;
}

const tradeSchema = z.strictObject({
  id: z.string().optional(),
  title: z.string().optional(),
  categories: z.array(z.string()).optional(),
  price: z.int().optional(),
  currency: z.string().optional(),
  afterMs: z.int().min(0).optional(),
  raw: z.looseObject({}).optional(),
});
const controlSchema = z.strictObject({
  accounts: z.array(z.strictObject({ account: z.string(), secret: z.string() })).default([]),
  trades: z.array(tradeSchema.extend({ account: z.string() })).default([]),
});
const pushSchema = z.strictObject({
  contract: z.enum(['generic', 'shop']),
  account: z.string(),
});

export class SandboxPlatform {
  readonly books: PlatformBooks;
  readonly faults: PlatformFaults;
  readonly shop: ShopRoutes;
  requestsPerSecond: number;
  readonly #generic: GenericRoutes;
  readonly #secret: string;
  #second = 0;
  #requests = 0;

  constructor(options: PlatformOptions) {
    const { token, webhookSecret, now, random, requestsPerSecond = Infinity } = options;
    this.books = new PlatformBooks(now);
    this.faults = new PlatformFaults(random);
    this.#generic = new GenericRoutes(this.books, this.faults, token);
    this.shop = new ShopRoutes(this.books, this.faults, token);
    this.requestsPerSecond = requestsPerSecond;
    this.#secret = webhookSecret;
  }

  /** @returns false for a path that is none of the platform's */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const [, part, path = '/'] =
      /^\/(generic|shop\/wp-json\/wc\/v3|control)(\/.*)?$/.exec(url.pathname) ?? [];
    if (part === undefined) return false;
    if (part === 'control') {
      await this.#control(request, response, path);
      return true;
    }
    const routes = part === 'generic' ? this.#generic : this.shop;
    const decision: PlatformDecision = this.#isBusy()
      ? { answer: busy }
      : await routes.decide(request, path, url.searchParams);
    await writePlatformAnswer(response, decision.answer, decision.fault);
    return true;
  }

  #isBusy(): boolean {
    const second = Math.floor(this.books.now() / 1_000);
    if (second !== this.#second) [this.#second, this.#requests] = [second, 0];
    this.#requests += 1;
    return this.#requests > this.requestsPerSecond;
  }

  async #control(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const bad = (error: z.ZodError) =>
      write(response, {
        status: 400,
        body: { code: 'bad_request', detail: z.prettifyError(error) },
      });
    switch (`${request.method} ${path}`) {
      case 'GET /':
        return write(response, { status: 200, body: { accounts: this.books.accounts } });
      case 'POST /': {
        const parsed = controlSchema.safeParse(await readBody(request));
        if (!parsed.success) return bad(parsed.error);
        const { accounts, trades } = parsed.data;
        for (const { account, secret } of accounts) this.books.addAccount(account, secret);
        if (trades.some(({ account }) => !this.books.hasAccount(account))) {
          return write(response, { status: 404, body: { code: 'no_such_account' } });
        }
        const ids = trades.map(
          ({ account, ...trade }) => this.books.addTrade(account, defined(trade)).id,
        );
        return write(response, { status: 201, body: { ids } });
      }
      case 'POST /push': {
        const parsed = pushSchema.safeParse(await readBody(request));
        if (!parsed.success) return bad(parsed.error);
        const { contract, account } = parsed.data;
        if (this.books.tradesOf(account).length === 0) {
          return write(response, { status: 404, body: { code: 'no_trade' } });
        }
        return write(response, {
          status: 200,
          body: { answered: await this.push(contract, account) },
        });
      }
      case 'POST /faults': {
        const parsed = platformFaultSchema.safeParse(await readBody(request));
        if (!parsed.success) return bad(parsed.error);
        return write(response, { status: 201, body: this.faults.add(defined(parsed.data)) });
      }
      case 'DELETE /faults':
        this.faults.clear();
        return write(response, { status: 200, body: {} });
      default:
        return write(response, { status: 404, body: { code: 'no_such_route' } });
    }
  }

  /** The newest trades of an account as one push. */
  pushOf(
    contract: 'generic' | 'shop',
    account: string,
    options: Partial<PushOptions & { count: number }> = {},
  ): Push {
    const { secret = this.#secret, at = this.books.now(), delivery, count = 1 } = options;
    const userId = options.userId ?? this.books.mappings.get(account)?.userId;
    const trades = this.books.tradesOf(account).slice(-count);
    const signing = { secret, at, userId, ...(delivery === undefined ? {} : { delivery }) };
    if (contract === 'generic') return genericPush(trades, signing);
    const [trade] = trades;
    if (trade === undefined) throw new Error(`${account} has no trade`);
    return shopPush(this.shop.orderOf(trade), signing);
  }

  /** To where the mapping of the account says. @returns the status answered */
  async push(contract: 'generic' | 'shop', account: string): Promise<number | undefined> {
    const mapping = this.books.mappings.get(account);
    return mapping && deliver(mapping.webhookUrl, this.pushOf(contract, account));
  }

  /** A server of its own; not listening yet. */
  server(): Server {
    return createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://sandbox');
      this.handle(request, response, url).then(
        (isHandled) => {
          if (!isHandled) write(response, { status: 404, body: { code: 'no_such_route' } });
        },
        () => response.destroy(),
      );
    });
  }
}

type Defined<Value> = { [Key in keyof Value]: Exclude<Value[Key], undefined> };

/** Without the fields that are undefined. */
function defined<Value extends object>(value: Value): Defined<Value> {
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries) as Defined<Value>;
}
