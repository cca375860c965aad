/** Invitations into trade-sharing groups: whom to invite, inviting, and what the invited answer. (T2, T3) */
import type { Candidate, Invitation } from '../../engine/trade/types.ts';
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever, isoTime, isoTimeMaybe } from '../http.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import { conversationId } from '../schemas/social-fields.ts';
import * as answers from '../schemas/trade-answers.ts';
import { emptyBody } from '../schemas/requests.ts';
import { entryId, invitationsBody } from '../schemas/trade-requests.ts';
import { strangersRefusal } from './groups.ts';
import { listRoute, pageAt, pagedAnswer, pageQuery } from './social-pages.ts';

const tag = 'Trade groups';

/** As pushes show it, too. */
export const shownInvitation = (invitation: Invitation): object => ({
  ...invitation,
  createdAt: isoTime(invitation.createdAt),
  endedAt: isoTimeMaybe(invitation.endedAt),
});
const shownCandidate = (candidate: Candidate): object => candidate;

function ofOwner({ tradeGroups }: AppDeps): Route[] {
  const params = { id: conversationId };
  const pathRefusal = 'group_not_found';

  const candidates = route({
    method: 'GET',
    path: '/v1/trade-groups/:id/candidates',
    tag,
    summary: 'Contacts of the owner who are not in the group, by user id (owner)',
    auth: 'user',
    params,
    pathRefusal,
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema: answers.candidates } },
    problems: ['not_owner', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await tradeGroups.candidates(path.id, caller.userId, pageAt(query));
      if (result.code === 'group_not_found' || result.code === 'not_owner') {
        return problem(requestId, result.code);
      }
      return pagedAnswer(requestId, result, shownCandidate);
    },
  });

  const invite = creation(tradeGroups, {
    path: '/v1/trade-groups/:id/invitations',
    tag,
    summary: 'Invite contacts: all or none; again, the same invitation (owner)',
    params,
    pathRefusal,
    body: invitationsBody,
    answer: { description: 'The invitations.', schema: answers.invited },
    problems: ['not_owner', 'not_contacts', 'group_full'],
    async create(tx, { caller, path, body }) {
      const result = await tradeGroups.invite(tx, path.id, caller.userId, body.userIds);
      switch (result.code) {
        case 'invited':
          return { body: { items: result.invitations.map(shownInvitation) } };
        case 'not_contacts':
          return { refusal: strangersRefusal(result, 'userIds') };
        case 'group_not_found':
        case 'not_owner':
        case 'group_full':
          return { refusal: { code: result.code } };
        default:
          return assertNever(result);
      }
    },
  });
  return [candidates, invite];
}

function ofInvited({ tradeGroups }: AppDeps): Route[] {
  const list = listRoute({
    path: '/v1/invitations',
    tag,
    summary: "The caller's open invitations, newest first",
    schema: answers.invitations,
    read: (userId, at) => tradeGroups.invitations(userId, at),
    show: shownInvitation,
  });

  const answer = (word: 'accept' | 'decline', summary: string): Route =>
    route({
      method: 'POST',
      path: `/v1/invitations/:id/${word}`,
      tag,
      summary,
      auth: 'user',
      params: { id: entryId },
      pathRefusal: 'invitation_not_found',
      body: emptyBody,
      answers: { 200: { description: 'As it is now.', schema: answers.invitation } },
      problems:
        word === 'accept'
          ? ['invitation_ended', 'group_full', 'unknown']
          : ['invitation_ended', 'unknown'],
      async handle({ caller, requestId, path }) {
        const isYes = word === 'accept';
        const result = await tradeGroups.answerInvitation(caller.userId, path.id, isYes);
        if (result.code !== 'answered') return problem(requestId, result.code);
        return page(requestId, shownInvitation(result.invitation));
      },
    });
  return [
    list,
    answer('accept', 'Accept an invitation: the caller is in the group; repeated: the same'),
    answer('decline', 'Decline an invitation; repeated: the same'),
  ];
}

export function tradeInvitationRoutes(deps: AppDeps): Route[] {
  return [...ofOwner(deps), ...ofInvited(deps)];
}
