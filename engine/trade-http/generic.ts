/** A platform that speaks the contract of deploy/trade-platform-api.md. (T8–T10, c14, c15, ¶86–88) */
import {
  platformPageTrades,
  platformPushBytesMax,
  platformPushToleranceMs,
  platformTradeBytesMax,
} from '../limits.ts';
import type {
  PushedFor,
  TradePlatform,
  TradesResult,
  WebhookResult,
} from '../ports/trade-platform.ts';
import type { AdapterOptions } from './adapter.ts';
import { loginAnswer, pageAnswer, push, readTrades, refusalAnswer } from './generic-wire.ts';
import type { OutboundReply } from './outbound.ts';
import { read, unavailable, unexpected } from './replies.ts';
import { isSigned } from './signature.ts';

export function genericPlatform(options: AdapterOptions): TradePlatform {
  const { config, outbound, now } = options;

  /** What the platform says about a 4xx; proxies in between also send them, but not with such a body. */
  const refusal = (reply: OutboundReply): string | undefined =>
    reply.kind === 'reply' && (reply.status === 401 || reply.status === 403)
      ? read(refusalAnswer, reply.body)?.code
      : undefined;

  const trades = async (
    account: string,
    session: string,
    cursor: string | undefined,
    alone: boolean,
  ): Promise<TradesResult> => {
    const query = new URLSearchParams({
      account,
      limit: String(alone ? 1 : platformPageTrades),
      ...(cursor === undefined ? {} : { after: cursor }),
    });
    const reply = await outbound.send({
      method: 'GET',
      path: `/trades?${query.toString()}`,
      headers: { authorization: `Bearer ${session}` },
      ...(alone ? { answerBytesMax: platformTradeBytesMax } : {}),
    });
    if (reply.kind === 'failure') {
      // One trade is too large, or many together: one by one, the large one is malformed and the others go on.
      if (reply.reason === 'too_large' && !alone) return trades(account, session, cursor, true);
      return unavailable(reply.reason);
    }
    if (reply.status === 200) {
      const page = read(pageAnswer, reply.body);
      if (page === undefined) return unavailable('senseless');
      const { more, cursor: next } = page;
      // It would be asked for the same page for ever.
      if (more && next === cursor) return unavailable('no_progress');
      return { code: 'page', ...readTrades(page.trades), cursor: next, more };
    }
    switch (refusal(reply)) {
      case 'session_expired':
        return { code: 'login_expired' };
      case 'wrong_secret':
        return { code: 'wrong_secret' };
      default:
        return unexpected(reply, now());
    }
  };

  return {
    name: config.name,

    async login({ account, secret }) {
      if (secret === undefined) return { code: 'wrong_secret' };
      const body = { account, secret };
      const reply = await outbound.send({ method: 'POST', path: '/login', body });
      if (reply.kind === 'failure') return unavailable(reply.reason);
      if (reply.status === 200) {
        const login = read(loginAnswer, reply.body);
        if (login === undefined || !isToken(login.session)) return unavailable('senseless');
        return { code: 'logged_in', session: login.session, expiresAt: login.expiresAt };
      }
      if (refusal(reply) === 'wrong_secret') return { code: 'wrong_secret' };
      return unexpected(reply, now());
    },

    trades: ({ account }, session, cursor) => trades(account, session, cursor, false),

    async register(account, userId, active) {
      const { webhookUrl } = options;
      const { token } = config;
      if (token === undefined) return false;
      const reply = await outbound.send({
        method: 'PUT',
        path: `/mappings/${encodeURIComponent(account)}`,
        headers: { authorization: `Bearer ${token}` },
        body: { userId, active, webhookUrl },
      });
      return reply.kind === 'reply' && reply.status >= 200 && reply.status < 300;
    },

    async webhook(headers, rawBody, at): Promise<WebhookResult> {
      const secret = config.webhookSecret;
      const timestamp = headers['trade-timestamp'] ?? '';
      const signature = /^v1=([0-9a-f]{64})$/i.exec(headers['trade-signature'] ?? '')?.[1];
      if (rawBody.byteLength > platformPushBytesMax) return { code: 'malformed' };
      if (secret === undefined || !isSigned(signature, 'hex', secret, `${timestamp}.`, rawBody)) {
        return { code: 'bad_signature' };
      }
      if (!/^\d{1,12}$/.test(timestamp)) return { code: 'malformed' };
      if (Math.abs(at - Number(timestamp) * 1_000) > platformPushToleranceMs) {
        return { code: 'too_old' };
      }
      const pushed = read(push, rawBody);
      if (pushed === undefined) return { code: 'malformed' };
      const { delivery: deliveryId, userId, trades: items } = pushed;
      // Whoever knows an account's name can enter it: that alone makes nobody its owner.
      if (userId === undefined && !config.paths.includes('same')) return { code: 'malformed' };
      const pushedFor: PushedFor =
        userId === undefined ? { kind: 'same' } : { kind: 'member', userId };
      return { code: 'trades', deliveryId, pushedFor, ...readTrades(items) };
    },

    close: () => outbound.close(),
  };
}

/** What may stand in a header. */
function isToken(session: string): boolean {
  return /^[\x21-\x7e]+$/.test(session);
}
