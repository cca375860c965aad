/** What a bank may say, as deploy/bank-api.md documents it. Anything else is no answer. */
import { z } from 'zod';
import { amountMax, assetPattern } from '../limits.ts';
import { type ListedPayout, payoutRefusals, type PayoutState } from '../ports/bank.ts';

const idLengthMax = 64;
const cursorLengthMax = 512;
const referenceLengthMax = 128;

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const common = {
  id: z.string().min(1).max(idLengthMax),
  asset: z.string().regex(assetPattern),
  amount: z.int().min(1).max(amountMax),
  /** When the bank took the order. */
  at: time,
};

/** A payout as the bank has it. */
export const payoutAnswer = z.discriminatedUnion('status', [
  z.object({
    ...common,
    status: z.literal('paid'),
    reference: z.string().min(1).max(referenceLengthMax),
    paidAt: time,
  }),
  z.object({ ...common, status: z.literal('pending') }),
  z.object({ ...common, status: z.literal('failed'), reason: z.enum(payoutRefusals) }),
]);
export type PayoutAnswer = z.infer<typeof payoutAnswer>;

/** 422: this order never will be paid. */
export const refusalAnswer = z.object({ id: common.id, code: z.enum(payoutRefusals) });
/** 404: the bank has no such order. A 404 of anybody else looks otherwise. */
export const notFoundAnswer = z.object({ id: common.id, code: z.literal('payout_not_found') });

const listed = z.object({
  ...common,
  status: z.enum(['paid', 'pending', 'failed']),
});
export const listAnswer = z.object({
  items: z.array(listed),
  next: z.string().min(1).max(cursorLengthMax).optional(),
});

/** 2xx of the sender of codes. */
export const codeTaken = z.object({ id: common.id, status: z.literal('taken') });

export function stateOf(answer: PayoutAnswer): PayoutState {
  switch (answer.status) {
    case 'paid':
      return { code: 'paid', reference: answer.reference, at: answer.paidAt };
    case 'failed':
      return { code: 'failed', reason: answer.reason };
    case 'pending':
      return { code: 'pending' };
  }
}

export function listedOf(item: z.infer<typeof listed>): ListedPayout {
  const { id, asset, amount, status, at } = item;
  return { id, asset, amount, state: status, at };
}
