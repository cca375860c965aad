/** Keys, refusals and headers of the WooCommerce REST API v3 ("Authentication", "Introduction / Errors"). */
import type { LoginResult } from '../ports/trade-platform.ts';
import type { OutboundReply } from './outbound.ts';
import { read, unavailable, unexpected } from './replies.ts';
import { failure } from './woocommerce-wire.ts';

export type Refused = Extract<LoginResult, { code: 'wrong_secret' | 'unavailable' }>;

/** Of 401 and 403 only the API's own count; firewalls in front of shops send them too. */
export function refused(reply: OutboundReply, now: number): Refused {
  if (reply.kind === 'failure') return unavailable(reply.reason);
  const isDenied = reply.status === 401 || reply.status === 403;
  const code = isDenied ? (read(failure, reply.body)?.code ?? '') : '';
  if (/^(woocommerce_)?rest_/.test(code)) return { code: 'wrong_secret' };
  return unexpected(reply, now);
}

export function basic(key: string): string {
  return `Basic ${Buffer.from(key).toString('base64')}`;
}

export function isKey(secret: string | undefined): secret is string {
  return secret !== undefined && /^[\x21-\x39\x3b-\x7e]{1,128}:[\x21-\x7e]{1,128}$/.test(secret);
}

export function isCustomer(account: string): boolean {
  return /^[1-9]\d{0,14}$/.test(account);
}

type Reply = Extract<OutboundReply, { kind: 'reply' }>;

export function headerOf(reply: Reply, name: string): string | undefined {
  const value = reply.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The shop's clock, in whole seconds. */
export function clockOf(reply: Reply): number | undefined {
  const time = Date.parse(reply.headers.date ?? '');
  return Number.isNaN(time) ? undefined : time;
}
