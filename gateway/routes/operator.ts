/** Operator: deposits and the audit; the token needs the scope `operator`. (E16) */
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { page } from '../answer.ts';
import { assertNever } from '../http.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import { depositBody } from '../schemas/requests.ts';

const tag = 'Operator';

export function operatorRoutes({ books, pendingEvents }: AppDeps): Route[] {
  const deposit = creation(books, {
    path: '/v1/operator/deposits',
    tag,
    summary: 'Credit a user; one reference credits once',
    auth: 'operator',
    body: depositBody,
    answer: { description: 'Credited, now or before.', schema: answers.deposited },
    problems: ['reference_reused', 'balance_overflow'],
    async create(tx, { body }) {
      const result = await books.deposit(tx, body);
      switch (result.code) {
        case 'deposited':
          return { body: { account: result.account, balance: result.balance } };
        case 'reference_reused':
        case 'balance_overflow':
          return { refusal: { code: result.code } };
        default:
          return assertNever(result);
      }
    },
  });

  const audit = route({
    method: 'GET',
    path: '/v1/operator/audit',
    tag,
    summary: 'Conservation of every asset, in one snapshot',
    auth: 'operator',
    ownDeadline: true,
    answers: { 200: { description: 'The audit.', schema: answers.audit } },
    problems: ['unknown'],
    async handle({ requestId }) {
      const [{ assets, mismatches, quarantined }, pending] = await Promise.all([
        books.audit(),
        pendingEvents(),
      ]);
      const ok = mismatches === 0 && assets.every(({ difference }) => difference === 0);
      const rows = assets.map(
        ({ asset, issued, users, escrow, inFlight, paidOut, difference }) => ({
          asset,
          issued,
          users,
          escrow,
          inFlight,
          paidOut,
          difference,
        }),
      );
      const body = {
        assets: rows,
        pendingEvents: pending,
        ok,
        mismatches: mismatches === 0 ? undefined : mismatches,
        quarantined,
      };
      return page(requestId, body);
    },
  });

  return [deposit, audit];
}
