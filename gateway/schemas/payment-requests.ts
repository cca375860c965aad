/** Bodies and parameters of the payment routes. No message says what was sent. (E17) */
import { z } from 'zod';
import { bankNameLengthMax, codeDigits, holderNameLengthMax } from '../../engine/limits.ts';
import { isCardNumber } from '../../engine/payment/card.ts';
import type { BodySpec } from '../validate.ts';
import { amount, asset } from './fields.ts';
import { name } from './social-fields.ts';

const required = <T>(schema: z.ZodType<T>): BodySpec<T> => ({ schema, required: true });

const cardNumber = z
  .string('must be a string')
  .refine(isCardNumber, 'must be a card number: 12 to 19 digits, the last one the check digit')
  .meta({ description: 'Digits, with single spaces between them where wanted.' });

/** `PUT /v1/payment/registration` */
export const registrationBody = required(
  z.strictObject({
    holderName: name(holderNameLengthMax),
    cardNumber,
    bank: name(bankNameLengthMax),
  }),
);
/** `POST /v1/withdrawals` */
export const withdrawalBody = required(z.strictObject({ asset, amount }));
/** `POST /v1/withdrawals/{id}/verification` */
export const verificationBody = required(
  z.strictObject({
    code: z
      .string('must be a string')
      .regex(new RegExp(`^[0-9]{${codeDigits}}$`), `must be ${codeDigits} digits`),
  }),
);

/** As the server makes them: lower case. */
export const withdrawalId = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  .meta({ description: 'Withdrawal id, a UUID.' });
