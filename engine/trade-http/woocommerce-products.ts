/** Categories and pages of products, which orders do not hold; remembered for some minutes. (T7, T12) */
import { LRUCache } from 'lru-cache';
import { platformPageTrades, platformProductsKeptMs, platformProductsMax } from '../limits.ts';
import type { Outbound } from './outbound.ts';
import { read } from './replies.ts';
import { type Order, type Product, productFields, products } from './woocommerce-wire.ts';

export interface Products {
  /**
   * What is known of the products of these orders; asks the shop for the rest.
   * @returns undefined when the shop does not tell
   */
  of(
    orders: readonly Order[],
    authorization: string | undefined,
  ): Promise<ReadonlyMap<number, Product> | undefined>;
}

export function shopProducts(outbound: Outbound): Products {
  const known = new LRUCache<number, Product>({
    max: platformProductsMax,
    ttl: platformProductsKeptMs,
  });
  return {
    async of(orders, authorization) {
      const wanted = new Set(orders.flatMap(({ line_items }) => line_items.map(idOf)));
      wanted.delete(0);
      const found = new Map<number, Product>();
      const missing: number[] = [];
      for (const id of wanted) {
        const product = known.get(id);
        if (product === undefined) missing.push(id);
        else found.set(id, product);
      }
      if (missing.length > 0 && authorization === undefined) return undefined;
      for (let start = 0; start < missing.length; start += platformPageTrades) {
        const query = new URLSearchParams({
          include: missing.slice(start, start + platformPageTrades).join(','),
          per_page: String(platformPageTrades),
          _fields: productFields,
        });
        const reply = await outbound.send({
          method: 'GET',
          path: `/wp-json/wc/v3/products?${query.toString()}`,
          headers: { authorization: authorization ?? '' },
        });
        if (reply.kind === 'failure' || reply.status !== 200) return undefined;
        // A product that was deleted is not there; an order of it still is a trade.
        for (const product of read(products, reply.body) ?? []) {
          known.set(product.id, product);
          found.set(product.id, product);
        }
      }
      return found;
    },
  };
}

function idOf({ product_id }: Order['line_items'][number]): number {
  return product_id;
}
