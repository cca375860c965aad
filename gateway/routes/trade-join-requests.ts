/** Requests to be let into a trade-sharing group, which follow from its prompt in the contact list. (T4) */
import type { JoinRequest } from '../../engine/trade/types.ts';
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { isoTime, isoTimeMaybe } from '../http.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import { emptyBody } from '../schemas/requests.ts';
import { conversationId } from '../schemas/social-fields.ts';
import * as answers from '../schemas/trade-answers.ts';
import { pageAt, pagedAnswer, pageQuery } from './social-pages.ts';

const tag = 'Trade groups';
const params = { id: conversationId };
const pathRefusal = 'group_not_found';

const shown = (request: JoinRequest): object => ({
  ...request,
  createdAt: isoTime(request.createdAt),
  endedAt: isoTimeMaybe(request.endedAt),
});

function request({ tradeGroups }: AppDeps): Route {
  return creation(tradeGroups, {
    path: '/v1/trade-groups/:id/join-requests',
    tag,
    summary:
      'Ask to be let in, for contacts of the owner; again, the same request; `approved` at once where invited',
    params,
    pathRefusal,
    body: emptyBody,
    answer: { description: 'The request.', schema: answers.joinRequest },
    problems: ['already_member', 'group_full'],
    async create(tx, { caller, path }) {
      const result = await tradeGroups.requestToJoin(tx, path.id, caller.userId);
      if (result.code !== 'requested') return { refusal: { code: result.code } };
      return { body: shown(result.request) };
    },
  });
}

function list({ tradeGroups }: AppDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/trade-groups/:id/join-requests',
    tag,
    summary: 'Open requests to be let in, newest first (owner)',
    auth: 'user',
    params,
    pathRefusal,
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema: answers.joinRequests } },
    problems: ['not_owner', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await tradeGroups.joinRequests(path.id, caller.userId, pageAt(query));
      if (result.code === 'group_not_found' || result.code === 'not_owner') {
        return problem(requestId, result.code);
      }
      return pagedAnswer(requestId, result, shown);
    },
  });
}

function answer({ tradeGroups }: AppDeps, word: 'approve' | 'decline', summary: string): Route {
  const isYes = word === 'approve';
  return route({
    method: 'POST',
    path: `/v1/trade-groups/:id/join-requests/:requestId/${word}`,
    tag,
    summary,
    auth: 'user',
    params: { ...params, requestId: conversationId },
    pathRefusal,
    body: emptyBody,
    answers: { 200: { description: 'As it is now.', schema: answers.joinRequest } },
    problems: [
      'not_owner',
      'join_request_not_found',
      'join_request_ended',
      ...(isYes ? (['group_full'] as const) : []),
      'unknown',
    ],
    async handle({ caller, requestId, path }) {
      const result = await tradeGroups.answerJoinRequest(
        path.id,
        caller.userId,
        path.requestId,
        isYes,
      );
      if (result.code !== 'answered') return problem(requestId, result.code);
      return page(requestId, shown(result.request));
    },
  });
}

export function tradeJoinRequestRoutes(deps: AppDeps): Route[] {
  return [
    request(deps),
    list(deps),
    answer(deps, 'approve', 'Let somebody in; repeated: the same (owner)'),
    answer(deps, 'decline', 'Decline a request; repeated: the same (owner)'),
  ];
}
