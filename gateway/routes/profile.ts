/** The caller's own profile. (E16) */
import type { Profile } from '../../engine/social/types.ts';
import { page } from '../answer.ts';
import type { AppDeps } from '../deps.ts';
import { isoTime } from '../http.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/social-answers.ts';
import { profileBody } from '../schemas/social-requests.ts';

const tag = 'People';

const shown = ({ userId, name, about, createdAt }: Profile): object => ({
  userId,
  name,
  about,
  createdAt: isoTime(createdAt),
});

export function profileRoutes({ social }: AppDeps): Route[] {
  const get = route({
    method: 'GET',
    path: '/v1/me',
    tag,
    summary: "The caller's profile; it comes into being here",
    auth: 'user',
    answers: { 200: { description: 'The profile.', schema: answers.profile } },
    problems: ['unknown'],
    handle: async ({ caller, requestId }) => page(requestId, shown(await social.me(caller.userId))),
  });

  const put = route({
    method: 'PUT',
    path: '/v1/me',
    tag,
    summary: "Replace the caller's profile",
    auth: 'user',
    body: profileBody,
    answers: { 200: { description: 'As it is now.', schema: answers.profile } },
    problems: ['unknown'],
    handle: async ({ caller, requestId, body }) =>
      page(requestId, shown(await social.setProfile(caller.userId, body.name, body.about))),
  });
  return [get, put];
}
