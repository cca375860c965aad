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

const toUser = z.strictObject({ userId });
const toGroup = z.strictObject({ groupId: fields.conversationId });
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

const friends = z.literal('friends', 'must be friends or a list of user ids');
const friendsOrAll = z.enum(['friends', 'public'], 'must be friends, public or a list of user ids');
const post = <T extends typeof friends | typeof friendsOrAll | typeof fields.chosenReaders>(
  visibleTo: T,
) => z.strictObject({ text: fields.postText, visibleTo });

/** A list is checked as a list, so that a refusal names its element. */
function postBody<T extends typeof friends | typeof friendsOrAll>(word: T) {
  const [byWord, byList] = [post(word), post(fields.chosenReaders)];
  const schema = z.union([byWord.extend({ visibleTo: word.default('friends' as never) }), byList]);
  const spec: BodySpec<z.output<typeof schema>> = {
    schema,
    pick: ({ visibleTo }) => (Array.isArray(visibleTo) ? byList : schema.options[0]),
    required: true,
  };
  return spec;
}
/** `POST /v1/feed` */
export const feedBody = postBody(friends);
/** `POST /v1/microblog`: public only where it is asked for. */
export const microblogBody = postBody(friendsOrAll);
