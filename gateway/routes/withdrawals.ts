/** Withdrawals to the registered card: request, verification, what became of them. (E17 ¶202–213) */
import type { Withdrawal } from '../../engine/payment/port.ts';
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever, isoTime, isoTimeMaybe } from '../http.ts';
import type { Made } from '../idempotency.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/payment-answers.ts';
import { verificationBody, withdrawalBody, withdrawalId } from '../schemas/payment-requests.ts';
import { withPayments } from './payment.ts';
import { pageAt, pagedAnswer, pageQuery } from './social-pages.ts';

const tag = 'Payment';
const params = { id: withdrawalId };
const pathRefusal = 'withdrawal_not_found';

const shown = (withdrawal: Withdrawal): object => {
  const { id, status, reason, asset, amount, card, requestedAt, code, endedAt } = withdrawal;
  return {
    id,
    status,
    reason,
    asset,
    amount,
    card: { bank: card.bank, last4: card.last4 },
    requestedAt: isoTime(requestedAt),
    codeExpiresAt: isoTimeMaybe(code?.expiresAt),
    attemptsLeft: code?.attemptsLeft,
    endedAt: isoTimeMaybe(endedAt),
  };
};

function request(deps: AppDeps): Route {
  // Not reached without payments: `handle` below answers before.
  const once: NonNullable<AppDeps['payments']>['once'] = (...given) =>
    deps.payments === undefined
      ? Promise.reject(new Error('payment is not configured'))
      : deps.payments.once(...given);
  const made = creation(
    { once },
    {
      path: '/v1/withdrawals',
      tag,
      summary: 'Withdraw to the registered card: the amount is held, and a code is sent',
      body: withdrawalBody,
      answer: { description: 'It awaits its verification.', schema: answers.withdrawal },
      problems: [
        'registration_required',
        'asset_not_withdrawable',
        'withdrawal_limit',
        'insufficient_funds',
        'payment_not_configured',
      ],
      lagging: { engine: deps.engine, refusal: 'insufficient_funds' },
      async create(tx, { caller, body }): Promise<Made> {
        const { payments } = deps;
        if (payments === undefined) return { refusal: { code: 'payment_not_configured' } };
        const result = await payments.request(tx, { userId: caller.userId, ...body });
        switch (result.code) {
          case 'requested':
            return { body: shown(result.withdrawal) };
          case 'asset_not_withdrawable': {
            const detail = `What can be paid out to a card: ${result.assets.join(', ')}.`;
            return { refusal: { code: result.code, extras: { detail } } };
          }
          case 'withdrawal_limit':
            return { refusal: { code: result.code, extras: { limit: result.limit } } };
          case 'registration_required':
          case 'insufficient_funds':
            return { refusal: { code: result.code } };
          default:
            return assertNever(result);
        }
      },
    },
  );
  return {
    ...made,
    handle: (call) => withPayments(deps, call.requestId, async () => made.handle(call)),
  };
}

function verification(deps: AppDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/withdrawals/:id/verification',
    tag,
    summary: 'Answer with the code; the right one sends the money on its way',
    description:
      'Five attempts, ten minutes, one use. A request that is repeated because its answer was lost is no further attempt.',
    auth: 'user',
    params,
    pathRefusal,
    body: verificationBody,
    confidential: true,
    answers: { 200: { description: 'It is being paid out.', schema: answers.withdrawal } },
    problems: [
      'wrong_code',
      'code_expired',
      'not_awaiting_verification',
      'payment_not_configured',
      'unknown',
    ],
    handle: ({ caller, requestId, path, body }) =>
      withPayments(deps, requestId, async (payments) => {
        const result = await payments.verify(caller.userId, path.id, body.code);
        switch (result.code) {
          case 'verified':
            return page(requestId, shown(result.withdrawal));
          case 'wrong_code':
            return problem(requestId, result.code, { attemptsLeft: result.attemptsLeft });
          case 'withdrawal_not_found':
          case 'code_expired':
          case 'not_awaiting_verification':
            return problem(requestId, result.code);
          default:
            return assertNever(result);
        }
      }),
  });
}

function reads(deps: AppDeps): Route[] {
  const one = route({
    method: 'GET',
    path: '/v1/withdrawals/:id',
    tag,
    summary: 'What became of a withdrawal of the caller',
    auth: 'user',
    params,
    pathRefusal,
    answers: { 200: { description: 'The withdrawal.', schema: answers.withdrawal } },
    problems: ['payment_not_configured', 'unknown'],
    handle: ({ caller, requestId, path }) =>
      withPayments(deps, requestId, async (payments) => {
        const withdrawal = await payments.withdrawal(caller.userId, path.id);
        if (withdrawal === undefined) return problem(requestId, 'withdrawal_not_found');
        return page(requestId, shown(withdrawal));
      }),
  });

  const list = route({
    method: 'GET',
    path: '/v1/withdrawals',
    tag,
    summary: "The caller's withdrawals, newest first",
    auth: 'user',
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema: answers.withdrawals } },
    problems: ['payment_not_configured', 'unknown'],
    handle: ({ caller, requestId, query }) =>
      withPayments(deps, requestId, async (payments) =>
        pagedAnswer(requestId, await payments.withdrawals(caller.userId, pageAt(query)), shown),
      ),
  });
  return [one, list];
}

export function withdrawalRoutes(deps: AppDeps): Route[] {
  return [request(deps), verification(deps), ...reads(deps)];
}
