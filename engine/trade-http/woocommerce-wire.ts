/**
 * Shapes of the WooCommerce REST API v3, as its reference has them (woocommerce.github.io/woocommerce-rest-api-docs:
 * "Orders", "Products", "Introduction / Errors"). Shops add fields of their own, so unknown ones are passed over.
 */
import { z } from 'zod';
import {
  platformCategoriesMax,
  platformCategoryLengthMax,
  platformTitleLengthMax,
  platformUrlLengthMax,
} from '../limits.ts';
import type { Malformed, PlatformTrade } from '../ports/trade-platform.ts';
import { minorUnits } from './minor-units.ts';
import { malformed, reasonOf } from './replies.ts';

const lineItemsMax = 500;

/** Dates of the API have no zone; those called `_gmt` are in UTC. */
const gmt = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/)
  .transform((text) => Date.parse(`${text}Z`))
  .refine((time) => !Number.isNaN(time));

/** What is needed to go on behind an order, whatever else is wrong about it. */
export const modifiedOrder = z.object({ id: z.int().min(1), date_modified_gmt: gmt });

const order = z.object({
  id: z.int().min(1),
  status: z.string().max(64),
  currency: z.string().regex(/^[A-Z]{3}$/),
  total: z.string().max(64),
  customer_id: z.int().min(0),
  date_created_gmt: gmt,
  line_items: z
    .array(z.object({ name: z.string().max(platformTitleLengthMax), product_id: z.int().min(0) }))
    .max(lineItemsMax),
});

export const orderFields =
  'id,status,currency,total,customer_id,date_created_gmt,date_modified_gmt,line_items';

export const products = z.array(
  z.object({
    id: z.int().min(1),
    permalink: z.string().max(platformUrlLengthMax),
    categories: z
      .array(z.object({ name: z.string().max(platformCategoryLengthMax) }))
      .max(platformCategoriesMax),
  }),
);
export const productFields = 'id,permalink,categories';
export type Product = z.output<typeof products>[number];

export const failure = z.object({ code: z.string().max(128) });

export const webhooks = z.array(
  z.object({
    id: z.int().min(1),
    status: z.string().max(32),
    topic: z.string().max(128),
    delivery_url: z.string().max(platformUrlLengthMax),
  }),
);

/** Paid, or paid and delivered. What is not paid yet comes again when it is: it is modified then. */
const traded: ReadonlySet<string> = new Set(['processing', 'completed']);

export type Order = z.output<typeof order>;

/** @returns undefined: an order that is no trade (yet) */
export function readOrder(item: unknown): Order | Malformed | undefined {
  const parsed = order.safeParse(item);
  if (!parsed.success) return malformed(item, reasonOf(parsed.error));
  if (!traded.has(parsed.data.status)) return undefined;
  if (parsed.data.line_items.length === 0) return malformed(item, 'line_items: too_small');
  if (minorUnits(parsed.data.total, parsed.data.currency) === undefined) {
    return malformed(item, 'total: no_amount');
  }
  return parsed.data;
}

/** One order is one trade: its price the total, its page that of the first product. */
export function tradeOf(
  { id, currency, total, customer_id, date_created_gmt, line_items }: Order,
  shopUrl: string,
  known: ReadonlyMap<number, Product>,
): PlatformTrade {
  const productIds = line_items.map((item) => item.product_id);
  const categories = new Set(
    productIds.flatMap((product) => known.get(product)?.categories ?? []).map(({ name }) => name),
  );
  const [first = 0] = productIds;
  return {
    id: String(id),
    account: String(customer_id),
    title: [...new Set(line_items.map(({ name }) => name))]
      .join(', ')
      .slice(0, platformTitleLengthMax)
      // Half of a character is none.
      .replace(/[\uD800-\uDBFF]$/, ''),
    categories: [...categories].slice(0, platformCategoriesMax),
    price: minorUnits(total, currency) ?? 0,
    currency,
    // WordPress leads from there to the product's page.
    url: known.get(first)?.permalink ?? `${shopUrl}/?post_type=product&p=${first}`,
    at: date_created_gmt,
  };
}
