/** Groups and their members; who is not in a group does not learn that it exists. (E7, E10) */
import { groupMembersMax } from '../../engine/limits.ts';
import type { Social } from '../../engine/social/port.ts';
import type { Group, Member, NotContacts } from '../../engine/social/types.ts';
import { page } from '../answer.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever, isoTime } from '../http.ts';
import type { Refusal } from '../idempotency.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/social-answers.ts';
import { conversationId } from '../schemas/social-fields.ts';
import { groupBody, membersBody } from '../schemas/social-requests.ts';
import { badCursor, listRoute, pageAt, pageQuery } from './social-pages.ts';

const tag = 'Groups';
const params = { id: conversationId };
const pathRefusal = 'group_not_found';

export const shownGroup = ({ id, name, ownerId, memberCount, createdAt }: Group): object => ({
  id,
  name,
  ownerId,
  memberCount,
  createdAt: isoTime(createdAt),
});
export const shownMember = ({ userId, name, joinedAt }: Member): object => ({
  userId,
  name,
  joinedAt: isoTime(joinedAt),
});

/** Names those of the list who are no contacts. */
export function strangersRefusal({ userIds }: NotContacts, field: string): Refusal {
  const errors = userIds.map((userId) => ({ field, message: `${userId} is not a contact` }));
  return { code: 'not_contacts', extras: { errors } };
}

function create({ social }: AppDeps): Route {
  return creation(social, {
    path: '/v1/groups',
    tag,
    summary: `Make a group of contacts, at most ${groupMembersMax} with the caller, who owns it`,
    body: groupBody,
    answer: { description: 'The group.', schema: answers.group },
    problems: ['not_contacts', 'group_full'],
    async create(tx, { caller, body }) {
      const result = await social.createGroup(tx, { ownerId: caller.userId, ...body });
      switch (result.code) {
        case 'created':
          return { body: shownGroup(result.group) };
        case 'not_contacts':
          return { refusal: strangersRefusal(result, 'members') };
        case 'group_full':
          return { refusal: { code: result.code } };
        default:
          return assertNever(result);
      }
    },
  });
}

/** What groups of either kind tell of themselves, under a path and in words of their own. */
interface GroupWords {
  readonly path: string;
  readonly tag: string;
  readonly list: string;
  readonly one: string;
}

/** The caller's groups, and one of them. */
export function groupReads(words: GroupWords, port: Pick<Social, 'groups' | 'group'>): Route[] {
  const list = listRoute({
    path: words.path,
    tag: words.tag,
    summary: words.list,
    schema: answers.groups,
    read: (userId, at) => port.groups(userId, at),
    show: shownGroup,
  });
  const one = route({
    method: 'GET',
    path: `${words.path}/:id`,
    tag: words.tag,
    summary: words.one,
    auth: 'user',
    params,
    pathRefusal,
    query: pageQuery,
    answers: { 200: { description: 'The group.', schema: answers.groupPage } },
    problems: ['unknown'],
    async handle({ caller, requestId, path, query }) {
      const result = await port.group(path.id, caller.userId, pageAt(query));
      if (result.code !== 'page') {
        return result.code === 'bad_cursor'
          ? badCursor(requestId)
          : problem(requestId, result.code);
      }
      const members = result.items.map(shownMember);
      return page(requestId, { ...shownGroup(result.group), members, next: result.next });
    },
  });
  return [list, one];
}

function add({ social }: AppDeps): Route {
  return creation(social, {
    path: '/v1/groups/:id/members',
    tag,
    summary: "Bring the caller's contacts in: all or none (members)",
    params,
    pathRefusal,
    body: membersBody,
    answer: { description: 'All are in.', schema: answers.memberCount },
    problems: ['not_contacts', 'group_full'],
    async create(tx, { caller, path, body }) {
      const result = await social.addMembers(tx, path.id, caller.userId, body.members);
      switch (result.code) {
        case 'added':
          return { body: { id: path.id, memberCount: result.memberCount } };
        case 'not_contacts':
          return { refusal: strangersRefusal(result, 'members') };
        case 'group_not_found':
        case 'group_full':
          return { refusal: { code: result.code } };
        default:
          return assertNever(result);
      }
    },
  });
}

/** Of groups of either kind. */
export function memberRemoval(
  words: Pick<GroupWords, 'path' | 'tag'> & { readonly description?: string },
  port: Pick<Social, 'removeMembers'>,
): Route {
  const { path: base, ...told } = words;
  return route({
    ...told,
    method: 'DELETE',
    path: `${base}/:id/members`,
    summary: 'Remove members (owner), or leave by naming oneself; an owner who leaves hands over',
    auth: 'user',
    params,
    pathRefusal,
    body: membersBody,
    answers: { 200: { description: 'None of them is in.', schema: answers.memberCount } },
    problems: ['not_owner', 'unknown'],
    async handle({ caller, requestId, path, body }) {
      const result = await port.removeMembers(path.id, caller.userId, body.members);
      if (result.code !== 'removed') return problem(requestId, result.code);
      return page(requestId, { id: path.id, memberCount: result.memberCount });
    },
  });
}

export function groupRoutes(deps: AppDeps): Route[] {
  const words = {
    path: '/v1/groups',
    tag,
    list: 'Groups the caller is in, newest first',
    one: 'A group and one page of its members (members)',
  };
  const { social } = deps;
  return [
    create(deps),
    ...groupReads(words, social),
    add(deps),
    memberRemoval({ path: words.path, tag }, social),
  ];
}
