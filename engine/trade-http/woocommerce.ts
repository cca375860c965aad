/**
 * A WooCommerce shop through its REST API v3; an order that was paid is a trade. (T8–T10, c14, c15, ¶86–88)
 *
 * After the reference at woocommerce.github.io/woocommerce-rest-api-docs, pages "Authentication", "Introduction"
 * (pagination, errors), "Orders", "Products", "Customers", "Webhooks". The account is the id of a customer; the secret is
 * a REST API key, `ck_…:cs_…`, whose holder may read the shop's orders: asking for this customer's gives nobody more than
 * he has. Shops need WooCommerce 5.8 for `modified_after`.
 */
import { z } from 'zod';
import { platformPageTrades, platformTradeBytesMax } from '../limits.ts';
import type {
  LoginResult,
  Malformed,
  TradePlatform,
  TradesResult,
} from '../ports/trade-platform.ts';
import type { AdapterOptions } from './adapter.ts';
import { read, unavailable } from './replies.ts';
import {
  boundsOf,
  cursorAfter,
  isAsAsked,
  type Modified,
  type OrdersCursor,
  readCursor,
  writeCursor,
} from './woocommerce-cursor.ts';
import { shopProducts } from './woocommerce-products.ts';
import { registerAtShop } from './woocommerce-register.ts';
import {
  basic,
  clockOf,
  headerOf,
  isCustomer,
  isKey,
  type Refused,
  refused,
} from './woocommerce-request.ts';
import { readShopPush } from './woocommerce-webhook.ts';
import { modifiedOrder, type Order, orderFields, readOrder, tradeOf } from './woocommerce-wire.ts';

/** The API knows no sessions: every request carries the key. */
const session = 'key';
const items = z.array(z.unknown()).max(platformPageTrades);

export function wooCommercePlatform(options: AdapterOptions): TradePlatform {
  const { config, outbound, now } = options;
  const products = shopProducts(outbound);

  const orders = (customer: string, key: string, query: Record<string, string>, alone = false) =>
    outbound.send({
      method: 'GET',
      path: `/wp-json/wc/v3/orders?${new URLSearchParams({ customer, ...query }).toString()}`,
      headers: { authorization: basic(key) },
      ...(alone ? { answerBytesMax: platformTradeBytesMax } : {}),
    });

  /** From now on, by the shop's clock. */
  const start = async (customer: string, key: string): Promise<OrdersCursor | Refused> => {
    const reply = await orders(customer, key, {
      ...newestFirst,
      per_page: '1',
      _fields: 'id,date_modified_gmt',
    });
    if (reply.kind === 'failure' || reply.status !== 200) return refused(reply, now());
    const [newest] = read(items, reply.body) ?? [];
    const known = modifiedOrder.safeParse(newest);
    const from = clockOf(reply) ?? (known.success ? known.data.date_modified_gmt : 0);
    return { from, seen: [] };
  };

  const page = async (
    customer: string,
    key: string,
    cursor: OrdersCursor,
    alone: boolean,
  ): Promise<TradesResult> => {
    const query = { ...oldestFirst, ...boundsOf(cursor), _fields: orderFields };
    const count = alone ? 1 : platformPageTrades;
    const reply = await orders(customer, key, { ...query, per_page: String(count) }, alone);
    // One order is too large, or many together: one by one, the large one is malformed and the others go on.
    if (reply.kind === 'failure' && reply.reason === 'too_large' && !alone) {
      return page(customer, key, cursor, true);
    }
    if (reply.kind === 'failure' || reply.status !== 200) return refused(reply, now());
    const listed = read(items, reply.body);
    if (listed === undefined) return unavailable('senseless');

    const places = listed.flatMap((item): Modified[] => {
      const parsed = modifiedOrder.safeParse(item);
      return parsed.success ? [{ id: parsed.data.id, at: parsed.data.date_modified_gmt }] : [];
    });
    if (!isAsAsked(cursor, places)) return unavailable('not_sorted');
    const pages = Number(headerOf(reply, 'x-wp-totalpages') ?? (listed.length < count ? 1 : 2));
    const isLast = !(pages > 1);
    const next = writeCursor(cursorAfter(cursor, places, isLast, clockOf(reply)));
    if (next === undefined || (!isLast && places.length === 0)) return unavailable('no_progress');

    const found: Order[] = [];
    const malformed: Malformed[] = [];
    for (const item of listed) {
      const order = readOrder(item);
      if (order === undefined) continue;
      if ('reason' in order) malformed.push(order);
      else found.push(order);
    }
    const known = await products.of(found, basic(key));
    if (known === undefined) return unavailable('no_products');
    const trades = found.map((order) => tradeOf(order, config.url, known));
    return {
      code: 'page',
      trades,
      malformed,
      cursor: next,
      more: !isLast || cursor.seen.length > 0,
    };
  };

  return {
    name: config.name,

    async login({ account, secret }): Promise<LoginResult> {
      if (!isKey(secret) || !isCustomer(account)) return { code: 'wrong_secret' };
      const begun = await start(account, secret);
      if (!('code' in begun)) return { code: 'logged_in', session, expiresAt: undefined };
      return begun;
    },

    async trades({ account, secret }, _session, text) {
      if (!isKey(secret) || !isCustomer(account)) return { code: 'wrong_secret' };
      if (text === undefined) {
        const begun = await start(account, secret);
        if ('code' in begun) return begun;
        const cursor = writeCursor(begun) ?? '';
        return { code: 'page', trades: [], malformed: [], cursor, more: false };
      }
      const cursor = readCursor(text);
      if (cursor === undefined) return unavailable('wrong_cursor');
      return page(account, secret, cursor, false);
    },

    async register(account, userId, active) {
      if (!isKey(config.token) || !isCustomer(account)) return false;
      const { webhookUrl } = options;
      const { token, webhookSecret = '' } = config;
      const headers = { authorization: basic(token) };
      const mapping = { account, userId, active };
      return registerAtShop({ outbound, headers, webhookUrl, webhookSecret }, mapping);
    },

    async webhook(headers, rawBody, at) {
      const pushed = readShopPush(headers, rawBody, at, config.webhookSecret);
      if (pushed.code !== 'order') return pushed;
      const { deliveryId, order } = pushed;
      // Orders name the shop's customer only.
      const told = { code: 'trades', deliveryId, pushedFor: { kind: 'account' } } as const;
      if (order === undefined) return { ...told, trades: [], malformed: [] };
      if ('reason' in order) return { ...told, trades: [], malformed: [order] };
      // Nobody pushes it again: rather without categories than not at all.
      const key = config.token === undefined ? undefined : basic(config.token);
      const known = (await products.of([order], key)) ?? new Map();
      return { ...told, trades: [tradeOf(order, config.url, known)], malformed: [] };
    },

    close: () => outbound.close(),
  };
}

const byModification = { orderby: 'modified', dates_are_gmt: 'true', status: 'any' };
const oldestFirst = { ...byModification, order: 'asc' };
const newestFirst = { ...byModification, order: 'desc' };
