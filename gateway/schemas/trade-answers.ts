/** Answers of the trade groups' routes as OpenAPI shows them; the tests hold every answer against these. (T1–T6) */
import { z } from 'zod';
import { platformKinds, tradePaths } from '../../engine/trade-http/config.ts';
import * as fields from './fields.ts';
import { group, shownTrade, tradeLink } from './social-answers.ts';
import { conversationId, messageId } from './social-fields.ts';
import { criteria, entryId, platformName, sharedType } from './trade-requests.ts';

const next = z.string().optional().meta({ description: 'Cursor of the next page.' });
const pageOf = <T extends z.ZodType>(item: T) => z.strictObject({ items: z.array(item), next });

export const invitation = z.strictObject({
  id: entryId,
  groupId: conversationId,
  groupName: z.string(),
  inviterId: fields.userId,
  inviteeId: fields.userId,
  status: z
    .enum(['open', 'accepted', 'declined', 'withdrawn'])
    .meta({ description: '`withdrawn`: its group has another owner now.' }),
  createdAt: fields.time,
  endedAt: fields.time.optional(),
});
export const invitations = pageOf(invitation);
export const invited = z.strictObject({
  items: z.array(invitation).meta({
    description: 'Of all named who are not in the group; `accepted`: who had asked to be let in.',
  }),
});
export const createdGroup = group.extend({ invitations: z.array(invitation) });

export const joinRequest = z.strictObject({
  id: entryId,
  groupId: conversationId,
  groupName: z.string(),
  userId: fields.userId,
  status: z
    .enum(['open', 'approved', 'declined', 'withdrawn'])
    .meta({ description: '`withdrawn`: its group has another owner now.' }),
  createdAt: fields.time,
  endedAt: fields.time.optional(),
});
export const joinRequests = pageOf(joinRequest);

export const candidates = pageOf(
  z.strictObject({ userId: fields.userId, name: z.string(), invited: z.boolean() }),
);

/** T13 */
export const contactTrades = pageOf(
  z.strictObject({
    groupId: conversationId.meta({ description: 'A group that shows it to the caller.' }),
    messageId,
    types: z
      .array(z.string())
      .meta({ description: 'Types that its owner chose there and it is of.' }),
    link: tradeLink,
    trade: shownTrade,
  }),
);

export const settings = z.strictObject({
  accounts: z.array(
    z.strictObject({
      platform: platformName,
      account: z.string(),
      hasSecret: z.boolean(),
      path: z
        .enum(tradePaths)
        .optional()
        .meta({
          description:
            'How trades come: `poll`, we log in and ask; `push`, the platform is told whose account it is; `same`, it knows ' +
            'by itself. (T8–T10) Absent: the platform is not connected any more.',
        }),
      state: z.enum(['active', 'stopped']),
      reason: z.string().optional().meta({
        description: 'Of `stopped`, a word; after `wrong_secret` give the secret again.',
      }),
    }),
  ),
  types: z.array(sharedType).meta({ description: 'Empty: every trade is shared.' }),
});

export const platforms = z.strictObject({
  items: z.array(
    z.strictObject({
      name: platformName,
      title: z.string(),
      kind: z.enum(platformKinds),
      paths: z.array(z.enum(tradePaths)).meta({
        description: '`poll`: takes account and secret; `push` and `same`: the account alone.',
      }),
      linkHosts: z.array(z.string()),
    }),
  ),
  types: z
    .array(z.strictObject({ name: z.string(), title: z.string(), criteria }))
    .meta({ description: 'System types, to be chosen by name. (T6)' }),
});
