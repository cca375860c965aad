/** Feed and microblog: publishing, and the timeline of what a reader may see. (E7, E10) */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import { decodeCursor, pageOf } from '../books/cursor.ts';
import { assert } from '../core/assert.ts';
import { texts } from '../store/arrays.ts';
import { contactCode } from './contacts.ts';
import type { SocialContext } from './context.ts';
import { notContacts } from './friends.ts';
import { linkColumns, linkKind, linkOf, type LinkRow } from './links.ts';
import type { PageAt, Paged } from '../books/page.ts';
import type { NewPost, Place, Post, PublishResult } from './types.ts';

const placeCode = { feed: 1, microblog: 2 } as const;
const visibilityCode = { friends: 1, chosen: 2, public: 3 } as const;
const visibilityOf: readonly Post['visibility'][] = ['friends', 'friends', 'chosen', 'public'];

/** See `Social.publish`. One row, and one for each chosen friend. */
export async function publish(
  { now }: SocialContext,
  tx: Tx,
  { place, authorId, visibleTo, text, link }: NewPost,
): Promise<PublishResult> {
  const connection = connectionOf(tx);
  const chosen = typeof visibleTo === 'string' ? undefined : [...new Set(visibleTo)];
  const strangers = await notContacts(connection, authorId, chosen ?? []);
  if (strangers !== undefined) return strangers;
  const visibility = typeof visibleTo === 'string' ? visibleTo : 'chosen';
  const at = now();
  const { kind, subject, url } = linkColumns(link);
  const { rows } = await connection.query<{ id: number; name: string }>({
    name: 'insert-post',
    text: `INSERT INTO post (at, kind, subject, link, place, visibility, author, text)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      RETURNING id, coalesce((SELECT name FROM person WHERE user_id = author), author) AS name`,
    values: [at, kind, subject, url, placeCode[place], visibilityCode[visibility], authorId, text],
  });
  const [row] = rows;
  assert(row !== undefined, 'an INSERT gives its row');
  if (chosen !== undefined) {
    await connection.query({
      name: 'insert-readers',
      text: `INSERT INTO post_reader (post, place, user_id)
        SELECT $1::bigint, $2::smallint, user_id FROM unnest($3::text[]) AS named (user_id)`,
      values: [row.id, placeCode[place], texts(chosen)],
    });
  }
  const post: Post = {
    id: String(row.id),
    authorId,
    authorName: row.name,
    text,
    link,
    visibility,
    createdAt: at,
  };
  return { code: 'published', post };
}

interface PostRow extends LinkRow {
  readonly id: number;
  readonly at: number;
  readonly visibility: number;
  readonly author: string;
  readonly name: string;
  readonly text: string;
}

const postOf = (row: PostRow): Post => ({
  id: String(row.id),
  authorId: row.author,
  authorName: row.name,
  text: row.text,
  link: linkOf(row),
  visibility: visibilityOf[row.visibility] ?? 'friends',
  createdAt: row.at,
});

/** The reader and the author are friends: whose friendship has ended sees nothing that was for friends, chosen or not. */
const befriended = `EXISTS (
  SELECT FROM contact
  WHERE (contact.user_id, contact.other) = ($1, post.author) AND contact.state = ${contactCode.accepted})`;

/** Neither of the two blocks the other. */
const unblocked = `NOT EXISTS (
  SELECT FROM contact WHERE contact.state = ${contactCode.blocked}
    AND ((contact.user_id, contact.other) = ($1, post.author) OR (contact.user_id, contact.other) = (post.author, $1)))`;

/**
 * Red packets for friends are for those who were friends when they were sent, and the stored association knows who that
 * was. Others would only be refused. (E8)
 */
const forReader = `(post.kind <> ${linkKind.batch} OR post.visibility <> ${visibilityCode.friends} OR post.author = $1
  OR EXISTS (SELECT FROM receiver WHERE receiver.batch = post.subject AND receiver.user_id = $1))`;

/**
 * Three sources, each cut to a page: posts of friends and own ones, posts that name the reader, public ones. A page of
 * n posts lies within the n authors whose newest posts are the newest, so each other friend costs one look at an
 * index; nothing was written per friend when the post was made.
 */
const timelineText = `WITH source AS (
    SELECT $1::text AS author, own AS visibility FROM unnest('{1,2,3}'::smallint[]) AS own
    UNION ALL
    SELECT other, ${visibilityCode.friends}::smallint FROM contact
    WHERE user_id = $1 AND state = ${contactCode.accepted}
  ), newest AS (
    SELECT source.author, source.visibility FROM source CROSS JOIN LATERAL (
      SELECT id FROM post
      WHERE post.author = source.author AND post.place = $2 AND post.visibility = source.visibility AND id < $3
        AND ${forReader}
      ORDER BY id DESC LIMIT 1) AS first
    ORDER BY first.id DESC LIMIT $4
  ), candidate AS (
    SELECT listed.id FROM newest CROSS JOIN LATERAL (
      SELECT id FROM post
      WHERE post.author = newest.author AND post.place = $2 AND post.visibility = newest.visibility AND id < $3
        AND ${forReader}
      ORDER BY id DESC LIMIT $4) AS listed
    UNION
    (SELECT id FROM post_reader JOIN post ON post.id = post_reader.post
     WHERE post_reader.user_id = $1 AND post_reader.place = $2 AND post_reader.post < $3 AND ${befriended}
     ORDER BY post_reader.post DESC LIMIT $4)
    UNION
    (SELECT id FROM post
     WHERE post.place = $2 AND post.visibility = ${visibilityCode.public} AND id < $3 AND ${unblocked}
     ORDER BY id DESC LIMIT $4)
  )
  SELECT id, at, visibility, author, coalesce(name, author) AS name, kind, subject::text, link, text
  FROM candidate JOIN post USING (id) LEFT JOIN person ON person.user_id = author
  ORDER BY id DESC LIMIT $4`;

/** See `Social.timeline`. */
export async function timeline(
  { pool }: SocialContext,
  place: Place,
  readerId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<Post>> {
  const before = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  const { rows } = await pool.query<PostRow>(timelineText, [
    readerId,
    placeCode[place],
    before[0],
    limit + 1,
  ]);
  return { code: 'page', ...pageOf(rows, limit, postOf, (row) => [row.id]) };
}
