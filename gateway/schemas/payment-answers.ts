/** Answers of the payment routes. (E17) */
import { z } from 'zod';
import * as fields from './fields.ts';
import { withdrawalId } from './payment-requests.ts';

const last4 = z.string().regex(/^[0-9]{4}$/);

export const registration = z.strictObject({
  holderName: z.string().meta({ description: 'Masked.' }),
  bank: z.string(),
  last4,
  registeredAt: fields.time,
});

export const withdrawal = z.strictObject({
  id: withdrawalId,
  status: z
    .enum(['awaiting_verification', 'processing', 'paid', 'failed', 'rejected'])
    .meta({ description: '`failed` and `rejected` are final and have given the money back.' }),
  reason: z.string().optional().meta({ description: 'Of `failed` and `rejected`.' }),
  asset: fields.asset,
  amount: fields.amount,
  card: z
    .strictObject({ bank: z.string(), last4 })
    .meta({ description: 'Registered when the withdrawal was requested; it goes to no other.' }),
  requestedAt: fields.time,
  codeExpiresAt: fields.time.optional(),
  attemptsLeft: fields.quantity.optional(),
  endedAt: fields.time.optional(),
});
export const withdrawals = z.strictObject({
  items: z.array(withdrawal),
  next: z.string().optional().meta({ description: 'Cursor of the next page.' }),
});
