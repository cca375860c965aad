/** Trade-sharing groups: made with invitations, listed, shown and left. (T1, T3) */
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever } from '../http.ts';
import { invalidRefusal } from '../idempotency.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as social from '../schemas/social-answers.ts';
import { conversationId } from '../schemas/social-fields.ts';
import * as answers from '../schemas/trade-answers.ts';
import { tradeGroupBody } from '../schemas/trade-requests.ts';
import { shownMessage } from './conversations.ts';
import { groupReads, memberRemoval, shownGroup, strangersRefusal } from './groups.ts';
import { pageAt, pagedAnswer, pageQuery } from './social-pages.ts';
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

function messages({ tradeGroups }: AppDeps): Route {
  return route({
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
}

export function tradeGroupRoutes(deps: AppDeps): Route[] {
  const words = {
    path: '/v1/trade-groups',
    tag,
    list: 'Trade-sharing groups the caller is in, newest first',
    one: 'A trade-sharing group and one page of its members (members)',
  };
  const description =
    'Who goes shares nothing in the group any more; accounts that it shares nowhere else are forgotten with their secrets.';
  const { tradeGroups } = deps;
  return [
    create(deps),
    ...groupReads(words, tradeGroups),
    messages(deps),
    memberRemoval({ path: words.path, tag, description }, tradeGroups),
  ];
}
