/** The way from a message to a trade's page, and the information bar of a one-to-one chat. (T12, T13, c17–c19, ¶90–92) */
import { z } from 'zod';
import { tradeIdPattern } from '../../engine/limits.ts';
import { shownLink } from '../../engine/social/links.ts';
import type { ContactTrade } from '../../engine/trade-intake/port.ts';
import type { AppDeps } from '../deps.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as fields from '../schemas/fields.ts';
import { contactTrades } from '../schemas/trade-answers.ts';
import { pageAt, pagedAnswer, pageQuery } from './social-pages.ts';

const tag = 'Trades';
const tradeId = z.string().regex(tradeIdPattern, 'is not the id of a trade');

/** Nobody is told where the reader came from, and the way is asked for anew each time. */
const redirect = {
  'content-type': 'text/plain; charset=utf-8',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex',
} as const;

function link({ tradeIntake }: AppDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/trades/:id/link',
    tag,
    summary: "To the trade's page on its platform",
    description:
      'For who sees the trade in a group (token), or has the key of the link (a browser has no token). Leads only to ' +
      'hosts that the operator has named for the platform.',
    auth: 'optional',
    params: { id: tradeId },
    pathRefusal: 'trade_not_found',
    query: { k: fields.linkKey },
    answers: { 302: { description: '`Location` is the page.', contentType: 'text/plain' } },
    problems: ['trade_not_found', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const userId = caller.userId === '' ? undefined : caller.userId;
      const location = await tradeIntake.page(path.id, userId, query.k);
      if (location === undefined) return problem(requestId, 'trade_not_found');
      const headers = { ...redirect, location, 'x-request-id': requestId };
      return { status: 302, headers, body: '' };
    },
  });
}

const shown = ({ link: of, types, groupId, messageId }: ContactTrade): object => {
  const { link: way, trade } = shownLink(of);
  return { groupId, messageId, types, link: way, trade };
};

function bar({ tradeIntake }: AppDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/contacts/:userId/trades',
    tag,
    summary:
      "The other one's trades, as far as the caller sees them in groups of both, newest first",
    description:
      'The information bar of their chat. Groups count in which both are now, from when the caller came in.',
    auth: 'user',
    params: { userId: fields.userId },
    pathRefusal: 'contact_not_found',
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema: contactTrades } },
    problems: ['contact_not_found', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await tradeIntake.tradesOf(caller.userId, path.userId, pageAt(query));
      if (result.code === 'contact_not_found') return problem(requestId, result.code);
      return pagedAnswer(requestId, result, shown);
    },
  });
}

export function tradeRoutes(deps: AppDeps): Route[] {
  return [link(deps), bar(deps)];
}
