/** The sandbox platform as a WooCommerce shop: its REST API v3, as far as adapters of trades need it. */
import type { IncomingMessage } from 'node:http';
import { readBody } from './answer.ts';
import { disturbed } from './platform-answer.ts';
import type { PlatformBooks, SandboxTrade } from './platform-books.ts';
import type { PlatformFault, PlatformFaults } from './platform-faults.ts';
import type { PlatformDecision } from './platform-generic.ts';

interface Webhook {
  readonly id: number;
  status: string;
  readonly topic: string;
  readonly delivery_url: string;
}

const places = 100;
const secondMs = 1_000;

export class ShopRoutes {
  readonly #books: PlatformBooks;
  readonly #faults: PlatformFaults;
  readonly #token: string;
  readonly #products = new Map<
    number,
    { readonly name: string; readonly categories: readonly string[] }
  >();
  readonly webhooks: Webhook[] = [];
  /** How often orders were asked for. */
  ordersAsked = 0;

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
    const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const key = Buffer.from(encoded, 'base64').toString();
    if (request.method === 'GET' && path === '/orders') return this.#orders(query, key);
    const isOurs = key === this.#token;
    if (!isOurs && this.#books.accountOfSecret(key) === undefined) return denied();
    if (request.method === 'GET' && path === '/products') return this.#list(query);
    if (!isOurs) return denied();
    const fault = this.#faults.strike('register', undefined);
    if (fault?.kind === 'error') return { ...denied(500), fault };
    if (path === '/webhooks' && request.method === 'GET') return ok(this.webhooks);
    const body = ((await readBody(request)) ?? {}) as Record<string, unknown>;
    if (path === '/webhooks' && request.method === 'POST') return this.#addWebhook(body);
    const [, what, id = ''] = /^\/(webhooks|customers)\/(\d+)$/.exec(path) ?? [];
    if (request.method !== 'PUT' || what === undefined) return denied(404);
    return what === 'webhooks' ? this.#setWebhook(Number(id), body) : this.#setCustomer(id, body);
  }

  #orders(query: URLSearchParams, key: string): PlatformDecision {
    this.ordersAsked += 1;
    const customer = query.get('customer') ?? '';
    const fault = this.#faults.strike('trades', customer);
    if (this.#books.secretOf(customer) !== key || fault?.kind === 'expired') {
      return { ...denied(), fault };
    }
    const bound = (name: string) => Date.parse(`${query.get(name) ?? 'none'}Z`);
    const [after, before] = [bound('modified_after'), bound('modified_before')];
    const excluded = new Set((query.get('exclude') ?? '').split(','));
    const fits = ({ id, at }: SandboxTrade) => {
      const second = at - (at % secondMs);
      return !(second <= after) && !(second >= before) && !excluded.has(id);
    };
    const all = this.#books.tradesOf(customer).filter(fits);
    const isDescending = query.get('order') !== 'asc';
    const sorted = isDescending ? all.toReversed() : all;
    const perPage = Math.min(Number(query.get('per_page') ?? '10'), places);
    const shown = disturbed(
      sorted.slice(0, perPage).map((trade) => this.orderOf(trade)),
      fault,
      isDescending ? [] : this.#broken(sorted[0], fault),
    );
    const headers = {
      'x-wp-total': String(all.length),
      'x-wp-totalpages': String(Math.ceil(all.length / perPage)),
    };
    return { answer: { status: 200, body: [...shown], headers }, fault };
  }

  #broken(first: SandboxTrade | undefined, fault: PlatformFault | undefined): object[] {
    if (fault?.kind !== 'broken') return [];
    const at = first?.at ?? this.#books.now();
    const modified = gmt(at);
    return [
      { id: 900_001, date_modified_gmt: modified, total: 12.9 },
      { id: 900_002, date_modified_gmt: modified, total: 'x'.repeat(100_000) },
    ];
  }

  /** A trade as an order of the API; its product is made on the way. */
  orderOf(trade: SandboxTrade): object {
    const { id, account, title, categories, price, currency, at } = trade;
    const product = this.#productOf(title, categories);
    return (
      trade.raw ?? {
        id: Number(id),
        number: id,
        status: 'processing',
        currency,
        total: decimal(price),
        customer_id: Number(account),
        date_created_gmt: gmt(at),
        date_modified_gmt: gmt(at),
        line_items: [
          { id: 1, name: title, product_id: product, quantity: 1, total: decimal(price) },
        ],
      }
    );
  }

  #productOf(name: string, categories: readonly string[]): number {
    for (const [id, product] of this.#products) {
      if (product.name === name && product.categories.join() === categories.join()) return id;
    }
    const id = this.#products.size + 1;
    this.#products.set(id, { name, categories });
    return id;
  }

  #list(query: URLSearchParams): PlatformDecision {
    const ids = (query.get('include') ?? '').split(',').map(Number);
    const found = ids.flatMap((id) => {
      const product = this.#products.get(id);
      if (product === undefined) return [];
      const categories = product.categories.map((name, index) => ({ id: index + 1, name }));
      return [{ id, permalink: `https://shop.example/product/${id}/`, categories }];
    });
    return ok(found);
  }

  #addWebhook(body: Record<string, unknown>): PlatformDecision {
    const { topic, delivery_url, status = 'active' } = body;
    const webhook = {
      id: this.webhooks.length + 1,
      status: String(status),
      topic: String(topic),
      delivery_url: String(delivery_url),
    };
    this.webhooks.push(webhook);
    return ok(webhook, 201);
  }

  #setWebhook(id: number, { status }: Record<string, unknown>): PlatformDecision {
    const webhook = this.webhooks[id - 1];
    if (webhook === undefined) return denied(404);
    webhook.status = String(status);
    return ok(webhook);
  }

  #setCustomer(account: string, body: Record<string, unknown>): PlatformDecision {
    if (!this.#books.hasAccount(account)) return denied(404);
    const [entry] = body['meta_data'] as { readonly value: string }[];
    const webhookUrl = this.webhooks[0]?.delivery_url ?? '';
    if (entry === undefined || entry.value === '') this.#books.mappings.delete(account);
    else this.#books.mappings.set(account, { userId: entry.value, webhookUrl });
    return ok({ id: Number(account), ...body });
  }
}

function ok(body: object, status = 200): PlatformDecision {
  return { answer: { status, body } };
}

function denied(status = 401): PlatformDecision {
  const body = {
    code: 'woocommerce_rest_cannot_view',
    message: 'Sorry, you cannot list resources.',
    data: { status },
  };
  return { answer: { status, body } };
}

function gmt(time: number): string {
  return new Date(time).toISOString().slice(0, 19);
}

/** Of a currency with hundredths. */
function decimal(units: number): string {
  const text = String(Math.abs(units)).padStart(3, '0');
  return `${units < 0 ? '-' : ''}${text.slice(0, -2)}.${text.slice(-2)}`;
}
