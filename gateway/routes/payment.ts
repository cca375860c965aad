/** Registration of the card that withdrawals go to. (E17 ¶205–207) */
import { digitsOf } from '../../engine/payment/card.ts';
import type { Payments, Registration } from '../../engine/payment/port.ts';
import { page, type Answer } from '../answer.ts';
import type { AppDeps } from '../deps.ts';
import { isoTime } from '../http.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/payment-answers.ts';
import { registrationBody } from '../schemas/payment-requests.ts';

const tag = 'Payment';

/** Answers with the payment server, or says that there is none. */
export function withPayments(
  { payments }: Pick<AppDeps, 'payments'>,
  requestId: string,
  answer: (payments: Payments) => Promise<Answer>,
): Answer | Promise<Answer> {
  return payments === undefined ? problem(requestId, 'payment_not_configured') : answer(payments);
}

const shown = ({ holderName, bank, last4, registeredAt }: Registration): object => ({
  holderName,
  bank,
  last4,
  registeredAt: isoTime(registeredAt),
});

export function paymentRoutes(deps: AppDeps): Route[] {
  const get = route({
    method: 'GET',
    path: '/v1/payment/registration',
    tag,
    summary: "The caller's registered card: its last four digits only",
    auth: 'user',
    answers: { 200: { description: 'The registration.', schema: answers.registration } },
    problems: ['not_registered', 'payment_not_configured', 'unknown'],
    handle: ({ caller, requestId }) =>
      withPayments(deps, requestId, async (payments) => {
        const registration = await payments.registration(caller.userId);
        if (registration === undefined) return problem(requestId, 'not_registered');
        return page(requestId, shown(registration));
      }),
  });

  const put = route({
    method: 'PUT',
    path: '/v1/payment/registration',
    tag,
    summary: 'Register a bank card, or another one; withdrawals under way keep theirs',
    auth: 'user',
    body: registrationBody,
    confidential: true,
    answers: { 200: { description: 'As it is now.', schema: answers.registration } },
    problems: ['payment_not_configured', 'unknown'],
    handle: ({ caller, requestId, body }) =>
      withPayments(deps, requestId, async (payments) => {
        const card = {
          holderName: body.holderName.trim(),
          cardNumber: digitsOf(body.cardNumber),
          bank: body.bank.trim(),
        };
        return page(requestId, shown(await payments.register(caller.userId, card)));
      }),
  });
  return [get, put];
}
