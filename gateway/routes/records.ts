/** What the caller sent and received, with totals per asset. */
import type { z } from 'zod';
import type { ReceivedRecord, RecordsResult, SentRecord } from '../../engine/books/types.ts';
import { pageSizeDefault } from '../../engine/limits.ts';
import type { AppDeps } from '../deps.ts';
import { page } from '../answer.ts';
import { isoTime, isoTimeMaybe } from '../http.ts';
import { invalidField } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { unsettled } from '../settled.ts';

const tag = 'Accounts and records';
const query = { cursor: fields.cursor, after: fields.after, limit: fields.pageLimit };

function shownSent(record: SentRecord): object {
  const { batchId, status, mode, asset, count, claimed, opened, total } = record;
  const { openedAmount, refundedAmount, greeting, best } = record;
  return {
    batchId,
    status,
    mode,
    asset,
    count,
    claimed,
    opened,
    total,
    openedAmount,
    refundedAmount,
    greeting,
    createdAt: isoTime(record.createdAt),
    expiresAt: isoTimeMaybe(record.expiresAt),
    best,
  };
}

function shownReceived(record: ReceivedRecord): object {
  const { batchId, batchStatus, mode, packetId, senderId, asset, greeting } = record;
  const { openedAt, amount, best } = record;
  return {
    batchId,
    batchStatus,
    mode,
    packetId,
    senderId,
    asset,
    greeting,
    status: openedAt === undefined ? 'claimed' : 'opened',
    claimedAt: isoTime(record.claimedAt),
    openedAt: isoTimeMaybe(openedAt),
    amount,
    best: best ? true : undefined,
  };
}

/** One page of the caller's own; nobody else's can be asked for. */
function records<T>(
  { engine }: AppDeps,
  spec: {
    readonly path: string;
    readonly summary: string;
    readonly schema: z.ZodType;
    read: (
      userId: string,
      cursor: string | undefined,
      limit: number,
    ) => Promise<RecordsResult<T, object>>;
    show: (record: T) => object;
  },
): Route {
  const { path, summary, schema, read, show } = spec;
  return route({
    method: 'GET',
    path,
    tag,
    summary,
    auth: 'user',
    query,
    answers: { 200: { description: 'One page.', schema } },
    problems: ['not_settled_yet', 'unknown'],
    async handle({ caller, requestId, query: { cursor, after, limit } }) {
      const { userId } = caller;
      const wait = await unsettled(engine, requestId, { userId, after });
      if (wait !== undefined) return wait;
      const result = await read(userId, cursor, Number(limit ?? pageSizeDefault));
      if (result.code === 'bad_cursor') return invalidField(requestId, 'cursor', 'is not a cursor');
      const items = result.items.map((record) => show(record));
      return page(requestId, { items, totals: result.totals, next: result.next });
    },
  });
}

export function recordRoutes(deps: AppDeps): Route[] {
  const { books } = deps;
  const sent = records(deps, {
    path: '/v1/me/sent',
    summary: 'Batches the caller sent, newest first, with totals over all pages',
    schema: answers.sentRecords,
    read: (userId, cursor, limit) => books.sent(userId, cursor, limit),
    show: shownSent,
  });
  const received = records(deps, {
    path: '/v1/me/received',
    summary: 'Packets the caller received, newest first, with totals over all pages',
    schema: answers.receivedRecords,
    read: (userId, cursor, limit) => books.received(userId, cursor, limit),
    show: shownReceived,
  });
  return [sent, received];
}
