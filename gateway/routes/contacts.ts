/** Contacts: asked for, accepted, ended, blocked. (E7, E10) */
import type { Contact, Standing } from '../../engine/social/types.ts';
import type { Prompt } from '../../engine/trade/types.ts';
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { isoTime } from '../http.ts';
import { invalidRefusal } from '../idempotency.ts';
import { problem } from '../problems.ts';
import type { RollingQuota } from '../rolling-quota.ts';
import { route, type Route } from '../route.ts';
import * as fields from '../schemas/fields.ts';
import * as answers from '../schemas/social-answers.ts';
import { contactState } from '../schemas/social-fields.ts';
import { contactBody } from '../schemas/social-requests.ts';
import { emptyBody } from '../schemas/requests.ts';
import { badCursor, pageAt, pagedAnswer, pageQuery } from './social-pages.ts';

const tag = 'People';
const params = { userId: fields.userId };
const pathRefusal = 'contact_not_found';

const shown = (
  { userId, name, state, since }: Contact,
  prompts: ReadonlyMap<string, readonly Prompt[]>,
): object => ({
  userId,
  name,
  state,
  since: isoTime(since),
  ...(state === 'accepted' && { tradeGroups: prompts.get(userId) ?? [] }),
});
const standing = ({ userId, state }: Standing): object => ({ userId, state });

function list({ social, tradeGroups }: AppDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/contacts',
    tag,
    summary: "The caller's contacts and requests, by user id",
    auth: 'user',
    query: { ...pageQuery, state: contactState },
    answers: { 200: { description: 'One page.', schema: answers.contacts } },
    problems: ['unknown'],
    async handle({ caller, requestId, query }) {
      const result = await social.contacts(caller.userId, query.state, pageAt(query));
      if (result.code === 'bad_cursor') return badCursor(requestId);
      const accepted = result.items.filter(({ state }) => state === 'accepted');
      const owners = accepted.map(({ userId }) => userId);
      const prompts = await tradeGroups.prompts(caller.userId, owners);
      return pagedAnswer(requestId, result, (contact) => shown(contact, prompts));
    },
  });
}

function request({ social }: AppDeps, quota: RollingQuota | undefined): Route {
  return creation(social, {
    path: '/v1/contacts',
    tag,
    summary: 'Ask a user to be a contact; two requests that cross make contacts',
    body: contactBody,
    answer: { description: 'As the two stand now.', schema: answers.standing },
    problems: ['contact_blocked', 'contact_refused', 'rate_limited'],
    quota,
    async create(tx, { caller, body }) {
      if (body.userId === caller.userId) {
        return { refusal: invalidRefusal('userId', 'is the caller') };
      }
      const result = await social.requestContact(tx, caller.userId, body.userId);
      if (result.code !== 'stands') return { refusal: { code: result.code } };
      return { body: standing(result.standing) };
    },
  });
}

function accept({ social }: AppDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/contacts/:userId/accept',
    tag,
    summary: "Accept a user's request; repeated: the same",
    auth: 'user',
    params,
    pathRefusal,
    body: emptyBody,
    answers: { 200: { description: 'Contacts.', schema: answers.standing } },
    problems: ['unknown'],
    async handle({ caller, requestId, path }) {
      const result = await social.acceptContact(caller.userId, path.userId);
      if (result.code !== 'stands') return problem(requestId, result.code);
      return page(requestId, standing(result.standing));
    },
  });
}

/** The other changes differ in one word only. */
function change(
  method: 'PUT' | 'DELETE',
  end: '' | '/block',
  summary: string,
  apply: (userId: string, otherId: string) => Promise<Standing>,
): Route {
  return route({
    method,
    path: `/v1/contacts/:userId${end}`,
    tag,
    summary,
    auth: 'user',
    params,
    pathRefusal,
    answers: { 200: { description: 'As the two stand now.', schema: answers.standing } },
    problems: ['unknown'],
    async handle({ caller, requestId, path }) {
      if (path.userId === caller.userId) return problem(requestId, 'contact_not_found');
      return page(requestId, standing(await apply(caller.userId, path.userId)));
    },
  });
}

/** @param quota of messages: a request is a word to a stranger */
export function contactRoutes(deps: AppDeps, quota: RollingQuota | undefined): Route[] {
  const { social } = deps;
  return [
    list(deps),
    request(deps, quota),
    accept(deps),
    change('DELETE', '', 'End a contact, withdraw or decline a request', (userId, otherId) =>
      social.removeContact(userId, otherId),
    ),
    change('PUT', '/block', 'Block a user: no requests, no messages, no posts', (userId, otherId) =>
      social.blockContact(userId, otherId),
    ),
    change('DELETE', '/block', 'Unblock a user; the two are strangers then', (userId, otherId) =>
      social.unblockContact(userId, otherId),
    ),
  ];
}
