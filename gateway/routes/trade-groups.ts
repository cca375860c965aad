/** Trade-sharing groups: made with invitations, listed, shown and left. (T1, T3) */
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever } from '../http.ts';
import { invalidRefusal } from '../idempotency.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as social from '../schemas/social-answers.ts';
import { conversationId } from '../schemas/social-fields.ts';
import { membersBody } from '../schemas/social-requests.ts';
import * as answers from '../schemas/trade-answers.ts';
import { tradeGroupBody } from '../schemas/trade-requests.ts';
import { shownMessage } from './conversations.ts';
import { shownGroup, shownMember, strangersRefusal } from './groups.ts';
import { badCursor, listRoute, pageAt, pagedAnswer, pageQuery } from './social-pages.ts';
import { shownInvitation } from './trade-invitations.ts';

const tag = 'Trade groups';
const params = { id: conversationId };
const pathRefusal = 'group_not_found';

function create({ tradeGroups }: AppDeps): Route {
  return creation(tradeGroups, {
    path: '/v1/trade-groups',
    tag,
    summary: 'Make a trade-sharing group and invite contacts; they are in it when they accept',
    body: tradeGroupBody,
    answer: { description: 'The group.', schema: answers.createdGroup },
    problems: ['not_contacts'],
    async create(tx, { caller, body }) {
      const { name, invite } = body;
      if (invite.every((userId) => userId === caller.userId)) {
        return { refusal: invalidRefusal('invite', 'must name somebody other than the caller') };
      }
      const result = await tradeGroups.create(tx, { ownerId: caller.userId, name, invite });
      switch (result.code) {
        case 'created': {
          const invitations = result.invitations.map(shownInvitation);
          return { body: { ...shownGroup(result.group), invitations } };
        }
        case 'not_contacts':
          return { refusal: strangersRefusal(result, 'invite') };
        default:
          return assertNever(result);
      }
    },
  });
}

function read({ tradeGroups }: AppDeps): Route[] {
  const list = listRoute({
    path: '/v1/trade-groups',
    tag,
    summary: 'Trade-sharing groups the caller is in, newest first',
    schema: social.groups,
    read: (userId, at) => tradeGroups.groups(userId, at),
    show: shownGroup,
  });

  const one = route({
    method: 'GET',
    path: '/v1/trade-groups/:id',
    tag,
    summary: 'A trade-sharing group and one page of its members (members)',
    auth: 'user',
    params,
    pathRefusal,
    query: pageQuery,
    answers: { 200: { description: 'The group.', schema: social.groupPage } },
    problems: ['unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await tradeGroups.group(path.id, caller.userId, pageAt(query));
      if (result.code !== 'page') {
        return result.code === 'bad_cursor'
          ? badCursor(requestId)
          : problem(requestId, result.code);
      }
      const members = result.items.map(shownMember);
      return page(requestId, { ...shownGroup(result.group), members, next: result.next });
    },
  });

  const messages = route({
    method: 'GET',
    path: '/v1/trade-groups/:id/messages',
    tag,
    summary: 'Trades and comments since the caller came in, newest first (members)',
    description: 'The same as `GET /v1/conversations/{id}/messages`.',
    auth: 'user',
    params,
    pathRefusal,
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema: social.messages } },
    problems: ['unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await tradeGroups.messages(path.id, caller.userId, pageAt(query));
      if (result.code === 'conversation_not_found') return problem(requestId, 'group_not_found');
      return pagedAnswer(requestId, result, shownMessage);
    },
  });
  return [list, one, messages];
}

function remove({ tradeGroups }: AppDeps): Route {
  return route({
    method: 'DELETE',
    path: '/v1/trade-groups/:id/members',
    tag,
    summary: 'Remove members (owner), or leave by naming oneself; an owner who leaves hands over',
    description:
      'Who goes shares nothing in the group any more; accounts that it shares nowhere else are forgotten with their secrets.',
    auth: 'user',
    params,
    pathRefusal,
    body: membersBody,
    answers: { 200: { description: 'None of them is in.', schema: social.memberCount } },
    problems: ['not_owner', 'unknown'],
    async handle({ caller, requestId, path, body }) {
      const result = await tradeGroups.removeMembers(path.id, caller.userId, body.members);
      if (result.code !== 'removed') return problem(requestId, result.code);
      return page(requestId, { id: path.id, memberCount: result.memberCount });
    },
  });
}

export function tradeGroupRoutes(deps: AppDeps): Route[] {
  return [create(deps), ...read(deps), remove(deps)];
}
