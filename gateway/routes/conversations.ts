/** Messages and the conversations they stand in. (E7, E10) */
import { shownLink } from '../../engine/social/links.ts';
import { addresseeWaitingMax, addresseeWritersMax } from '../../engine/limits.ts';
import type { Conversation, Message, NewMessage } from '../../engine/social/types.ts';
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { isoTime } from '../http.ts';
import { Lanes } from '../lanes.ts';
import { problem } from '../problems.ts';
import type { RollingQuota } from '../rolling-quota.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/social-answers.ts';
import { conversationId } from '../schemas/social-fields.ts';
import { messageBody, readBody } from '../schemas/social-requests.ts';
import { listRoute, pageAt, pagedAnswer, pageQuery } from './social-pages.ts';

const tag = 'Messages';
const params = { id: conversationId };
const pathRefusal = 'conversation_not_found';

/** Messages to a user wait for the user's pushes too, whoever sends them. */
function laneName(to: NewMessage['to']): string {
  return 'groupId' in to ? `group ${to.groupId}` : `user ${to.userId}`;
}

/** As every member sees it. */
export function shownMessage(message: Message): object {
  const { id, senderId, text, replyTo, link, createdAt } = message;
  return {
    id,
    conversationId: message.conversationId,
    senderId,
    ...shownLink(link),
    text,
    replyTo,
    createdAt: isoTime(createdAt),
  };
}

const shown = ({ id, kind, name, withUserId, unread, ...rest }: Conversation): object => ({
  id,
  kind,
  name,
  userId: withUserId,
  unread,
  lastMessage: rest.lastMessage === undefined ? undefined : shownMessage(rest.lastMessage),
  updatedAt: isoTime(rest.updatedAt),
});

function post({ social }: AppDeps, quota: RollingQuota | undefined): Route {
  return creation(social, {
    path: '/v1/messages',
    tag,
    summary: 'Write to a contact or a group; who writes has read what stands above',
    body: messageBody,
    answer: { description: 'The message.', schema: answers.message },
    problems: [
      'not_a_contact',
      'group_not_found',
      'message_not_found',
      'rate_limited',
      'overloaded',
    ],
    quota,
    // They wait for a lock one by one: of the conversation, or of a listener's numbers.
    lane: {
      lanes: new Lanes(addresseeWritersMax, addresseeWaitingMax),
      nameOf: ({ body }) => laneName(body.to),
    },
    async create(tx, { caller, body }) {
      const result = await social.postMessage(tx, { senderId: caller.userId, ...body });
      if (result.code !== 'posted') return { refusal: { code: result.code } };
      return { body: shownMessage(result.message) };
    },
  });
}

function read({ social }: AppDeps): Route[] {
  const list = listRoute({
    path: '/v1/conversations',
    tag,
    summary: "The caller's conversations, the one with the newest message first",
    schema: answers.conversations,
    read: (userId, at) => social.conversations(userId, at),
    show: shown,
  });

  const history = route({
    method: 'GET',
    path: '/v1/conversations/:id/messages',
    tag,
    summary: 'Messages since the caller came in, newest first (members)',
    auth: 'user',
    params,
    pathRefusal,
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema: answers.messages } },
    problems: ['unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await social.messages(path.id, caller.userId, pageAt(query));
      if (result.code === 'conversation_not_found') return problem(requestId, result.code);
      return pagedAnswer(requestId, result, shownMessage);
    },
  });
  return [list, history];
}

function mark({ social }: AppDeps): Route {
  return route({
    method: 'PUT',
    path: '/v1/conversations/:id/read',
    tag,
    summary: 'Everything up to this message is read; an older one than before changes nothing',
    auth: 'user',
    params,
    pathRefusal,
    body: readBody,
    answers: { 200: { description: 'What is unread now.', schema: answers.unread } },
    problems: ['message_not_found', 'unknown'],
    async handle({ caller, requestId, path, body }) {
      const result = await social.markRead(path.id, caller.userId, body.messageId);
      if (result.code !== 'read') return problem(requestId, result.code);
      return page(requestId, { id: path.id, unread: result.unread });
    },
  });
}

/** @param quota of messages */
export function conversationRoutes(deps: AppDeps, quota: RollingQuota | undefined): Route[] {
  return [post(deps, quota), ...read(deps), mark(deps)];
}
