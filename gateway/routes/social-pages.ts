/** What the base server's lists have in common. */
import type { z } from 'zod';
import type { PageAt, Paged } from '../../engine/books/page.ts';
import { pageSizeDefault } from '../../engine/limits.ts';
import { page, type Answer } from '../answer.ts';
import { invalidField } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as fields from '../schemas/fields.ts';

export const pageQuery = { cursor: fields.cursor, limit: fields.pageLimit };

export function pageAt(query: { readonly cursor?: string; readonly limit?: string }): PageAt {
  return { cursor: query.cursor, limit: Number(query.limit ?? pageSizeDefault) };
}

export const badCursor = (requestId: string): Answer =>
  invalidField(requestId, 'cursor', 'is not a cursor');

/** A page, each item as `show` gives it. */
export function pagedAnswer<T>(
  requestId: string,
  result: Paged<T>,
  show: (item: T) => object,
): Answer {
  if (result.code === 'bad_cursor') return badCursor(requestId);
  return page(requestId, { items: result.items.map((item) => show(item)), next: result.next });
}

/** The entry of a list of the caller's own. */
export function listRoute<T>(spec: {
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly schema: z.ZodType;
  read(userId: string, at: PageAt): Promise<Paged<T>>;
  show(item: T): object;
}): Route {
  const { path, tag, summary, schema } = spec;
  return route({
    method: 'GET',
    path,
    tag,
    summary,
    auth: 'user',
    query: pageQuery,
    answers: { 200: { description: 'One page.', schema } },
    problems: ['unknown'],
    async handle({ caller, requestId, query }) {
      const result = await spec.read(caller.userId, pageAt(query));
      return pagedAnswer(requestId, result, (item) => spec.show(item));
    },
  });
}
