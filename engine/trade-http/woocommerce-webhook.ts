/**
 * What a shop pushes, after "Webhooks" of the WooCommerce REST API v3 reference: the order as its API shows it, with
 * `X-WC-Webhook-Signature`, the base64 HMAC-SHA256 of the raw body. (T8, c14, ¶86)
 *
 * The shop dates and signs nothing else. So the delivery's name is the digest of its body, not the header
 * `X-WC-Webhook-Delivery-ID` (which is not signed, and which shops give to all deliveries of one second), and its age is
 * bounded by when the order was modified: a day, for shops send late. A replay within that is dropped by its name.
 */
import { platformPushBytesMax, platformUndatedPushMs } from '../limits.ts';
import type { Malformed, WebhookResult } from '../ports/trade-platform.ts';
import { jsonOf } from './replies.ts';
import { digestOf, isSigned } from './signature.ts';
import { modifiedOrder, type Order, readOrder } from './woocommerce-wire.ts';

export type ShopPush =
  | Exclude<WebhookResult, { code: 'trades' }>
  | {
      readonly code: 'order';
      readonly deliveryId: string;
      /** Undefined: no trade (yet). */
      readonly order: Order | Malformed | undefined;
    };

/** Sent, unsigned, when somebody saves the webhook. */
const ping = /^webhook_id=\d{1,18}$/;
const topics: ReadonlySet<string> = new Set(['order.created', 'order.updated', 'order.restored']);

export function readShopPush(
  headers: Readonly<Record<string, string | undefined>>,
  rawBody: Uint8Array,
  now: number,
  secret: string | undefined,
): ShopPush {
  if (rawBody.byteLength > platformPushBytesMax) return { code: 'malformed' };
  const signature = headers['x-wc-webhook-signature'];
  if (signature === undefined && ping.test(Buffer.from(rawBody.subarray(0, 64)).toString())) {
    return { code: 'ping' };
  }
  if (secret === undefined || !isSigned(signature, 'base64', secret, rawBody)) {
    return { code: 'bad_signature' };
  }
  // Signed, but about something else, such as an order that was deleted.
  if (!topics.has(headers['x-wc-webhook-topic'] ?? '')) return { code: 'ping' };
  const body = jsonOf(rawBody);
  const modified = modifiedOrder.safeParse(body);
  if (!modified.success) return { code: 'malformed' };
  if (Math.abs(now - modified.data.date_modified_gmt) > platformUndatedPushMs) {
    return { code: 'too_old' };
  }
  return { code: 'order', deliveryId: digestOf(rawBody), order: readOrder(body) };
}
