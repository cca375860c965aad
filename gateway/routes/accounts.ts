/** Accounts and ledger entries of the caller. (E14, E18) */
import type { EntryView } from '../../engine/books/types.ts';
import { pageSizeDefault } from '../../engine/limits.ts';
import type { AppDeps } from '../deps.ts';
import { page } from '../answer.ts';
import { assertNever, isoTime } from '../http.ts';
import { invalidField } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { unsettled } from '../settled.ts';

const tag = 'Accounts and records';

function entryItem({ id, at, amount, kind, counterpart, ...more }: EntryView): object {
  const { batchId, senderId, withdrawalId, card, reference, balanceAfter } = more;
  return {
    id,
    at: isoTime(at),
    amount,
    kind,
    counterpart,
    batchId,
    senderId,
    withdrawalId,
    card,
    reference,
    balanceAfter,
  };
}

export function accountRoutes({ books, engine }: AppDeps): Route[] {
  const accounts = route({
    method: 'GET',
    path: '/v1/accounts',
    tag,
    summary: "The caller's balances, everything acknowledged included",
    auth: 'user',
    query: { after: fields.after },
    answers: { 200: { description: 'All accounts.', schema: answers.accounts } },
    problems: ['not_settled_yet', 'unknown'],
    async handle({ caller, requestId, query }) {
      const { userId } = caller;
      const wait = await unsettled(engine, requestId, { userId, after: query.after });
      if (wait !== undefined) return wait;
      const views = await books.accounts(userId);
      const items = views.map(({ asset, balance, held }) => ({ asset, balance, held }));
      return page(requestId, { items });
    },
  });

  const entries = route({
    method: 'GET',
    path: '/v1/accounts/:asset/entries',
    tag,
    summary: "The caller's account statement, newest entry first",
    description:
      'Money that moved. What a withdrawal holds until it is verified has not moved: it has no entry yet, and none at all ' +
      'when the withdrawal is rejected.',
    auth: 'user',
    params: { asset: fields.asset },
    query: { cursor: fields.cursor, after: fields.after, limit: fields.pageLimit },
    answers: { 200: { description: 'One page.', schema: answers.entries } },
    problems: ['not_settled_yet', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const { userId } = caller;
      const wait = await unsettled(engine, requestId, { userId, after: query.after });
      if (wait !== undefined) return wait;
      const limit = Number(query.limit ?? pageSizeDefault);
      const result = await books.entries(userId, path.asset, query.cursor, limit);
      switch (result.code) {
        case 'page':
          return page(requestId, { items: result.items.map(entryItem), next: result.next });
        case 'bad_cursor':
          return invalidField(requestId, 'cursor', 'is not a cursor');
        default:
          return assertNever(result);
      }
    },
  });

  return [accounts, entries];
}
