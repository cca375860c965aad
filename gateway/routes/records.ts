/** What the caller sent and received, with totals per asset. */
import type { ReceivedRecord, RecordsResult, SentRecord } from '../../engine/books/types.ts';
import { pageSizeDefault } from '../../engine/limits.ts';
import type { AppDeps } from '../deps.ts';
import { page, type Answer } from '../answer.ts';
import { isoTime, isoTimeMaybe } from '../http.ts';
import { invalidField } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { unsettled } from './settled.ts';

const tag = 'Accounts and records';
const query = { cursor: fields.cursor, after: fields.after, limit: fields.pageLimit };

function sentItem(record: SentRecord): object {
  const { batchId, status, mode, asset, count, claimed, opened, total } = record;
  const { openedAmount, refundedAmount, greeting } = record;
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
  };
}

function receivedItem(record: ReceivedRecord): object {
  const { batchId, packetId, senderId, asset, greeting, openedAt, amount } = record;
  return {
    batchId,
    packetId,
    senderId,
    asset,
    greeting,
    status: openedAt === undefined ? 'claimed' : 'opened',
    claimedAt: isoTime(record.claimedAt),
    openedAt: isoTimeMaybe(openedAt),
    amount,
  };
}

function recordsAnswer<T>(
  requestId: string,
  result: RecordsResult<T>,
  show: (record: T) => object,
): Answer {
  if (result.code === 'bad_cursor') return invalidField(requestId, 'cursor', 'is not a cursor');
  const totals = result.totals.map(({ asset, count, amount }) => ({ asset, count, amount }));
  const items = result.items.map((record) => show(record));
  return page(requestId, { items, totals, next: result.next });
}

export function recordRoutes({ books, engine }: AppDeps): Route[] {
  const sent = route({
    method: 'GET',
    path: '/v1/me/sent',
    tag,
    summary: 'Batches the caller sent, newest first',
    auth: 'user',
    query,
    answers: { 200: { description: 'One page.', schema: answers.sentRecords } },
    problems: ['not_settled_yet', 'unknown'],
    async handle(call) {
      const { userId } = call.caller;
      const { cursor, after, limit } = call.query;
      const wait = await unsettled(engine, call.requestId, { userId, after });
      if (wait !== undefined) return wait;
      const result = await books.sent(userId, cursor, Number(limit ?? pageSizeDefault));
      return recordsAnswer(call.requestId, result, sentItem);
    },
  });

  const received = route({
    method: 'GET',
    path: '/v1/me/received',
    tag,
    summary: 'Packets the caller received, newest first',
    auth: 'user',
    query,
    answers: { 200: { description: 'One page.', schema: answers.receivedRecords } },
    problems: ['not_settled_yet', 'unknown'],
    async handle(call) {
      const { userId } = call.caller;
      const { cursor, after, limit } = call.query;
      const wait = await unsettled(engine, call.requestId, { userId, after });
      if (wait !== undefined) return wait;
      const result = await books.received(userId, cursor, Number(limit ?? pageSizeDefault));
      return recordsAnswer(call.requestId, result, receivedItem);
    },
  });

  return [sent, received];
}
