/** Feed and microblog: two places with the same two routes. (E7, E10) */
import { shownLink } from '../../engine/social/links.ts';
import type { Place, Post, Visibility } from '../../engine/social/types.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { isoTime } from '../http.ts';
import type { RollingQuota } from '../rolling-quota.ts';
import type { Route } from '../route.ts';
import * as answers from '../schemas/social-answers.ts';
import { feedBody, microblogBody } from '../schemas/social-requests.ts';
import type { BodySpec } from '../validate.ts';
import { strangersRefusal } from './groups.ts';
import { listRoute } from './social-pages.ts';

const tag = 'Posts';

/** As every reader sees it. */
export function shownPost(post: Post): object {
  const { id, authorId, authorName, text, link, visibility, createdAt } = post;
  return {
    id,
    authorId,
    authorName,
    ...shownLink(link),
    text,
    visibility,
    createdAt: isoTime(createdAt),
  };
}

function placeRoutes(
  { social }: AppDeps,
  place: Place,
  body: BodySpec<{ readonly text: string; readonly visibleTo: Visibility }>,
  summaries: { readonly publish: string; readonly read: string },
  quota: RollingQuota | undefined,
): Route[] {
  const path = `/v1/${place}`;
  const publish = creation(social, {
    path,
    tag,
    summary: summaries.publish,
    body,
    answer: { description: 'The post.', schema: answers.post },
    problems: ['not_contacts', 'rate_limited'],
    quota,
    async create(tx, { caller, body: given }) {
      const result = await social.publish(tx, { place, authorId: caller.userId, ...given });
      if (result.code !== 'published') return { refusal: strangersRefusal(result, 'visibleTo') };
      return { body: shownPost(result.post) };
    },
  });

  const read = listRoute({
    path,
    tag,
    summary: summaries.read,
    schema: answers.posts,
    read: (userId, at) => social.timeline(place, userId, at),
    show: shownPost,
  });
  return [publish, read];
}

/** @param quota of messages: a post counts as one */
export function postRoutes(deps: AppDeps, quota: RollingQuota | undefined): Route[] {
  const feed = {
    publish: 'Post to the feed: for friends as of reading, or for chosen ones of them',
    read: 'Posts of friends, own ones, and those for the caller, newest first',
  };
  const microblog = {
    publish: 'Post to the microblog: for friends, for chosen ones of them, or for everybody',
    read: 'Public posts, posts of friends, own ones, and those for the caller, newest first',
  };
  return [
    ...placeRoutes(deps, 'feed', feedBody, feed, quota),
    ...placeRoutes(deps, 'microblog', microblogBody, microblog, quota),
  ];
}
