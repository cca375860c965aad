/** Bodies and parameters of the payment routes. No message says what was sent. (E17) */
import { z } from 'zod';
import { bankNameLengthMax, codeDigits, holderNameLengthMax } from '../../engine/limits.ts';
import { digitsOf, holdsCardNumber, isCardNumber } from '../../engine/payment/card.ts';
import type { BodySpec } from '../validate.ts';
import { amount, asset } from './fields.ts';
import { name } from './social-fields.ts';

const required = <T>(schema: z.ZodType<T>): BodySpec<T> => ({ schema, required: true });

const cardNumber = z
  .string('must be a string')
  .refine(isCardNumber, 'must be a card number: 12 to 19 digits, the last one the check digit')
  .meta({ description: 'Digits, with single spaces between them where wanted.' });

/** They are shown, and stored where they can be read. */
const shownName = (max: number) =>
  name(max).refine((text) => !holdsCardNumber(text), 'must not hold a card number');

const registration = z.strictObject({
  holderName: shownName(holderNameLengthMax).refine(
    (text) => /\p{L}/u.test(text),
    'must hold a letter',
  ),
  cardNumber,
  bank: shownName(bankNameLengthMax),
});
/** `PUT /v1/payment/registration` */
export const registrationBody: BodySpec<z.infer<typeof registration>> = {
  ...required(registration),
  relate: ({ cardNumber: given, ...names }) =>
    ['holderName', 'bank'].flatMap((field) => {
      const text = names[field];
      const isBoth = typeof given === 'string' && isCardNumber(given) && typeof text === 'string';
      // Alone it was noticed above; between other digits only this number can be told.
      const isHidden = isBoth && !holdsCardNumber(text) && holdsCardNumber(text, digitsOf(given));
      return isHidden ? [{ field, message: 'must not hold a card number' }] : [];
    }),
};
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
