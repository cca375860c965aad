/** Bodies and parameters of the trade groups' routes. No message says what was sent. (T1–T6) */
import { z } from 'zod';
import {
  accountLengthMax,
  accountSecretLengthMax,
  amountMax,
  conversationIdPattern,
  invitesMax,
  sharedAccountsMax,
  sharedTypesMax,
  typeNameLengthMax,
  typeWordLengthMax,
  typeWordsMax,
} from '../../engine/limits.ts';
import type { BodySpec } from '../validate.ts';
import { userId } from './fields.ts';
import { groupName, name } from './social-fields.ts';

const required = <T>(schema: z.ZodType<T>): BodySpec<T> => ({ schema, required: true });

/** Of invitations and join requests. */
export const entryId = z
  .string('must be a string')
  .regex(conversationIdPattern, 'is not an id')
  .meta({ description: 'A decimal string.' });

const invitees = z
  .array(userId, 'must be a list of user ids')
  .min(1, 'must name at least one user')
  .max(invitesMax, `must name at most ${invitesMax} users`);

/** `POST /v1/trade-groups` */
export const tradeGroupBody = required(z.strictObject({ name: groupName, invite: invitees }));
/** `POST /v1/trade-groups/{id}/invitations` */
export const invitationsBody = required(z.strictObject({ userIds: invitees }));

export const platformName = z
  .string('must be a string')
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'is no name of a platform');
const account = name(accountLengthMax).refine((text) => text === text.trim(), {
  message: 'must not begin or end with blanks',
});
const secret = name(accountSecretLengthMax).meta({
  description: 'Never given back. Left out for an account that is known: the stored one stays.',
});

const words = (what: string) =>
  z
    .array(name(typeWordLengthMax), `must be a list of ${what}`)
    .min(1, `must hold at least one of the ${what}`)
    .max(typeWordsMax, `must hold at most ${typeWordsMax} ${what}`);
const amount = z
  .int(`must be an integer from 0 to ${amountMax}`)
  .min(0, 'must be at least 0')
  .max(amountMax, `must be at most ${amountMax}`);
const price = z
  .strictObject(
    {
      min: amount.optional(),
      max: amount.optional(),
      currency: z
        .string('must be a string')
        .regex(/^[A-Z]{3}$/, 'must be a currency code of three capital letters')
        .optional(),
    },
    'must be an object',
  )
  .refine(({ min, max }) => min !== undefined || max !== undefined, 'must have min or max')
  .meta({ description: 'Minor units, both ends included; without `currency`: of any.' });

export const criteria = z
  .strictObject(
    {
      categories: words('categories').optional(),
      keywords: words('keywords').optional(),
      price: price.optional(),
    },
    'must be an object',
  )
  .refine(
    (given) => Object.values(given).some((criterion) => criterion !== undefined),
    'must hold categories, keywords or price',
  )
  .meta({
    description:
      'A trade is of the type when one of its categories is named, or its title or a category holds a keyword, and its ' +
      'price is in range; what is left out is not asked for. (T7)',
  });

export const sharedType = z.strictObject({
  name: name(typeNameLengthMax),
  criteria: criteria
    .optional()
    .meta({ description: 'Left out: a system type, see `GET /v1/trade-platforms`.' }),
});

/** `PUT /v1/trade-groups/{id}/settings` */
export const settingsBody = required(
  z.strictObject({
    accounts: z
      .array(
        z.strictObject({ platform: platformName, account, secret: secret.optional() }),
        'must be a list of accounts',
      )
      .max(sharedAccountsMax, `must hold at most ${sharedAccountsMax} accounts`),
    types: z
      .array(sharedType, 'must be a list of types')
      .max(sharedTypesMax, `must hold at most ${sharedTypesMax} types`),
  }),
);
