/** Bodies of the base server's routes. Unknown fields are refused by name. (E7, E10) */
import { z } from 'zod';
import type { BodySpec } from '../validate.ts';
import { userId } from './fields.ts';
import * as fields from './social-fields.ts';

const required = <T>(schema: z.ZodType<T>): BodySpec<T> => ({ schema, required: true });

/** `PUT /v1/me`: the whole profile. */
export const profileBody = required(
  z.strictObject({ name: fields.personName, about: fields.about.default('') }),
);
/** `POST /v1/contacts` */
export const contactBody = required(z.strictObject({ userId }));
/** `POST /v1/groups` */
export const groupBody = required(
  z.strictObject({ name: fields.groupName, members: fields.newMembers }),
);
/** `POST|DELETE /v1/groups/{id}/members`. Leaving names the caller: a body lost on the way must not become a leave. */
export const membersBody = required(z.strictObject({ members: fields.members }));
/** `PUT /v1/conversations/{id}/read` */
export const readBody = required(z.strictObject({ messageId: fields.messageId }));

const anObject = {
  error: ({ code }: { readonly code?: string }) =>
    code === 'invalid_type' ? 'must be an object with userId or groupId' : undefined,
};
const toUser = z.strictObject({ userId }, anObject);
const toGroup = z.strictObject({ groupId: fields.conversationId }, anObject);
const message = (to: typeof toUser | typeof toGroup) =>
  z.strictObject({
    to,
    text: fields.messageText,
    replyTo: fields.messageId
      .optional()
      .meta({ description: 'A message of the same conversation.' }),
  });
const [messageToUser, messageToGroup] = [message(toUser), message(toGroup)];
const anyMessage = z.union([messageToUser, messageToGroup]);
/** `POST /v1/messages` */
export const messageBody: BodySpec<z.output<typeof anyMessage>> = {
  schema: anyMessage,
  pick({ to }) {
    const group = typeof to === 'object' && to !== null && Object.hasOwn(to, 'groupId');
    return group ? messageToGroup : messageToUser;
  },
  required: true,
};

type Word = z.ZodType<'friends' | 'public'>;

/** A list is checked as a list, so that a refusal names its element. */
function postBody<T extends Word>(words: T) {
  const { postText: text, chosenReaders: visibleTo } = fields;
  const byWord = z.strictObject({ text, visibleTo: words });
  const byList = z.strictObject({ text, visibleTo });
  const schema = z.union([byWord, byList]);
  const spec: BodySpec<z.output<typeof schema>> = {
    schema,
    pick: (raw) => (Array.isArray(raw['visibleTo']) ? byList : byWord),
    required: true,
  };
  return spec;
}
/** `POST /v1/feed` */
export const feedBody = postBody(
  z.literal('friends', 'must be friends or a list of user ids').default('friends'),
);
/** `POST /v1/microblog`: public only where it is asked for. */
export const microblogBody = postBody(
  z.enum(['friends', 'public'], 'must be friends, public or a list of user ids').default('friends'),
);
