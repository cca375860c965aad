/** Answers of the base server's routes as OpenAPI shows them; the tests hold every answer against these. */
import { z } from 'zod';
import { batchId, quantity, time, userId } from './fields.ts';
import { contactState, conversationId, messageId } from './social-fields.ts';

const next = z.string().optional().meta({ description: 'Cursor of the next page.' });
const pageOf = <T extends z.ZodType>(item: T) => z.strictObject({ items: z.array(item), next });

export const profile = z.strictObject({
  userId,
  name: z.string().meta({ description: 'The user id until another name is chosen.' }),
  about: z.string(),
  createdAt: time,
});

export const contacts = pageOf(
  z.strictObject({
    userId,
    name: z.string(),
    state: contactState.meta({ description: '`requested` by the caller, `asked` of the caller.' }),
    since: time,
    tradeGroups: z
      .array(z.strictObject({ id: conversationId, name: z.string(), member: z.boolean() }))
      .optional()
      .meta({
        description:
          'Of accepted contacts: trade-sharing groups they own, newest first. For a `member` it opens; others may ask ' +
          'to be let in. (T4)',
      }),
  }),
);
export const standing = z.strictObject({
  userId,
  state: z.enum([...contactState.options, 'none']).meta({ description: '`none`: strangers.' }),
});

const groupFields = {
  id: conversationId.meta({ description: 'Also the id of its conversation.' }),
  name: z.string(),
  ownerId: userId,
  memberCount: quantity,
  createdAt: time,
};
export const group = z.strictObject(groupFields);
export const groups = pageOf(group);
export const groupPage = z.strictObject({
  ...groupFields,
  members: z
    .array(z.strictObject({ userId, name: z.string(), joinedAt: time }))
    .meta({ description: 'One page of them, by user id.' }),
  next,
});
export const memberCount = z.strictObject({ id: conversationId, memberCount: quantity });

const batchLink = z.strictObject({ batchId, url: z.url() });
export const tradeLink = z.strictObject({ tradeId: z.string(), url: z.url() });
/** What clients draw of a trade. (T11) */
export const shownTrade = z.strictObject({
  title: z.string().meta({ description: 'As the platform gave it: to be rendered inert.' }),
  price: z.int().min(0).meta({ description: "Integer in the currency's minor unit." }),
  currency: z.string().meta({ description: 'ISO 4217.' }),
  platform: z.string(),
  at: time,
});

export const message = z.strictObject({
  id: messageId,
  conversationId,
  senderId: userId,
  kind: z.enum(['text', 'batch', 'trade']),
  text: z.string().meta({ description: 'With kind `trade`: its title.' }),
  link: z.union([batchLink, tradeLink]).optional().meta({
    description:
      'With kind `batch`: the shared red packets; `trade`: the page of the trade. (E7, T12)',
  }),
  trade: shownTrade.optional().meta({ description: 'With kind `trade`.' }),
  replyTo: messageId.optional(),
  createdAt: time,
});
export const messages = pageOf(message);
export const conversations = pageOf(
  z.strictObject({
    id: conversationId,
    kind: z.enum(['direct', 'group', 'trade_group']),
    name: z.string(),
    userId: userId.optional().meta({ description: 'The other one, when direct.' }),
    unread: quantity,
    lastMessage: message.optional(),
    updatedAt: time,
  }),
);
export const unread = z.strictObject({ id: conversationId, unread: quantity });

export const post = z.strictObject({
  id: z.string(),
  authorId: userId,
  authorName: z.string(),
  kind: z.enum(['text', 'batch']),
  text: z.string(),
  link: batchLink
    .optional()
    .meta({ description: 'With kind `batch`: the shared red packets. (E7)' }),
  visibility: z.enum(['friends', 'chosen', 'public']),
  createdAt: time,
});
export const posts = pageOf(post);
