/** Pushes of the sandbox platform, signed as either contract has it; also such as nobody should believe. (T8) */
import { createHmac, randomBytes } from 'node:crypto';
import type { SandboxTrade } from './platform-books.ts';
import { wireOf } from './platform-generic.ts';

export interface Push {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PushOptions {
  readonly secret: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly delivery?: string;
  /** Of the mapping; left out on path C. */
  readonly userId?: string | undefined;
}

export function genericPush(trades: readonly SandboxTrade[], options: PushOptions): Push {
  const { secret, at, userId, delivery = randomBytes(12).toString('hex') } = options;
  const timestamp = String(Math.floor(at / 1_000));
  const body = JSON.stringify({ delivery, userId, trades: trades.map(wireOf) });
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return {
    headers: {
      'content-type': 'application/json',
      'trade-timestamp': timestamp,
      'trade-signature': `v1=${signature}`,
    },
    body,
  };
}

export function shopPush(order: object, { secret, delivery = '1' }: PushOptions): Push {
  const body = JSON.stringify(order);
  return {
    headers: {
      'content-type': 'application/json',
      'x-wc-webhook-source': 'https://shop.example/',
      'x-wc-webhook-topic': 'order.updated',
      'x-wc-webhook-resource': 'order',
      'x-wc-webhook-event': 'updated',
      'x-wc-webhook-signature': createHmac('sha256', secret).update(body).digest('base64'),
      'x-wc-webhook-id': '1',
      'x-wc-webhook-delivery-id': delivery,
    },
    body,
  };
}

/** @returns the status of the answer, undefined for none */
export async function deliver(url: string, { headers, body }: Push): Promise<number | undefined> {
  try {
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual' });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}
