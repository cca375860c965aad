/**
 * Path A at a shop: its webhooks are made to lead to us, and the mapping is written into the customer's meta data. (T8,
 * c14, ¶86) A shop cannot ask its customer whether he agrees, so an operator offers the path `push` only where the
 * accounts that members enter are known to be theirs.
 */
import type { Outbound, OutboundRequest } from './outbound.ts';
import { read } from './replies.ts';
import { webhooks } from './woocommerce-wire.ts';

interface Shop {
  readonly outbound: Outbound;
  readonly headers: Readonly<Record<string, string>>;
  readonly webhookUrl: string;
  readonly webhookSecret: string;
}

interface Mapping {
  readonly account: string;
  readonly userId: string;
  readonly active: boolean;
}

/** The customer's field that holds the member's user id. */
export const mappingKey = 'trade_sharing_user';
const topics = ['order.created', 'order.updated'];
const webhooksMax = 100;

/** @returns false: it may or may not have been done; doing it again is harmless */
export async function registerAtShop(
  shop: Shop,
  { account, userId, active }: Mapping,
): Promise<boolean> {
  // The webhooks serve other customers too, so they stay when one leaves.
  if (active && !(await ensureWebhooks(shop))) return false;
  const body = { meta_data: [{ key: mappingKey, value: active ? userId : '' }] };
  return (await ask(shop, 'PUT', `/customers/${account}`, body)) !== undefined;
}

async function ensureWebhooks(shop: Shop): Promise<boolean> {
  const { webhookUrl, webhookSecret } = shop;
  const listed = await ask(shop, 'GET', `/webhooks?status=all&per_page=${webhooksMax}`);
  const present = listed === undefined ? undefined : read(webhooks, listed);
  if (present === undefined) return false;
  for (const topic of topics) {
    const found = present.find((hook) => hook.topic === topic && hook.delivery_url === webhookUrl);
    // A shop disables a webhook after five failed deliveries.
    if (found?.status === 'active') continue;
    const settings = { status: 'active', secret: webhookSecret };
    const answer =
      found === undefined
        ? await ask(shop, 'POST', '/webhooks', {
            ...settings,
            name: `Trade sharing: ${topic}`,
            topic,
            delivery_url: webhookUrl,
          })
        : await ask(shop, 'PUT', `/webhooks/${found.id}`, settings);
    if (answer === undefined) return false;
  }
  return true;
}

/** The body of a success, or undefined. */
async function ask(
  { outbound, headers }: Shop,
  method: OutboundRequest['method'],
  path: string,
  body?: object,
): Promise<Buffer | undefined> {
  const request = { method, path: `/wp-json/wc/v3${path}`, headers };
  const reply = await outbound.send(body === undefined ? request : { ...request, body });
  return reply.kind === 'reply' && reply.status >= 200 && reply.status < 300
    ? reply.body
    : undefined;
}
