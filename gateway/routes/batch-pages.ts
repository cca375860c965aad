/** What can be read of a batch: its page, its claims, its link as a QR code. (E6, E7, E9) */
import type { BatchPage, ClaimItem } from '../../engine/books/types.ts';
import { linkKeyPattern, pageSizeDefault } from '../../engine/limits.ts';
import type { AppDeps } from '../deps.ts';
import { page, type Answer } from '../answer.ts';
import { assertNever, isoTime, isoTimeMaybe } from '../http.ts';
import { invalidField, problem } from '../problems.ts';
import { qrImage } from '../qr.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { receiveLink } from './batches.ts';
import { unsettled } from '../settled.ts';

const tag = 'Batches';
const params = { id: fields.batchId };
const pathRefusal = 'batch_not_found';

/** `k` as books compares it: another form cannot be the key of any batch. */
function keyOf(k: string | undefined): string | undefined {
  return k !== undefined && linkKeyPattern.test(k) ? k : undefined;
}

/** The page of a batch; the money only for its sender. (E9) */
function pageBody(batch: BatchPage): object {
  const { id, status, mode, count, claimed, opened, remaining, asset, greeting, senderId } = batch;
  const everyone = {
    id,
    status,
    mode,
    count,
    claimed,
    opened,
    remaining,
    asset,
    greeting,
    senderId,
  };
  const expiresAt = isoTimeMaybe(batch.expiresAt);
  if (!batch.isSender) return { ...everyone, expiresAt };
  const { total, each, openedAmount, refundedAmount } = batch;
  return { ...everyone, expiresAt, total, each, openedAmount, refundedAmount };
}

function read({ books, engine }: AppDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/batches/:id',
    direct: true,
    atOwner: 'refusals',
    tag,
    summary: 'State of a batch: sender, listed receivers, packet holders, or with the key (E9)',
    auth: 'user',
    params,
    pathRefusal,
    query: { k: fields.linkKey, after: fields.after },
    answers: { 200: { description: 'The batch.', schema: answers.batchPage } },
    problems: ['batch_not_found', 'forbidden', 'quarantined', 'not_settled_yet', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const wait = await unsettled(engine, requestId, { batchId: path.id, after: query.after });
      if (wait !== undefined) return wait;
      const result = await books.batchPage(path.id, caller.userId, keyOf(query.k));
      if (result.code === 'page') return page(requestId, pageBody(result.page));
      return refusal(requestId, result.code);
    },
  });
}

function refusal(requestId: string, code: 'batch_not_found' | 'forbidden' | 'quarantined'): Answer {
  if (code === 'forbidden') {
    return problem(requestId, code, {
      detail:
        'Only the sender, listed receivers, packet holders and who has the key of the link may see this.',
    });
  }
  return problem(requestId, code, code === 'quarantined' ? { retryAfterSeconds: 60 } : undefined);
}

function claimItem(item: ClaimItem): object {
  const { packetId, receiverId, openedAt, amount } = item;
  return {
    packetId,
    receiverId,
    status: openedAt === undefined ? 'claimed' : 'opened',
    claimedAt: isoTime(item.claimedAt),
    openedAt: isoTimeMaybe(openedAt),
    amount,
    best: item.best ? true : undefined,
  };
}

function claims({ books, engine }: AppDeps): Route {
  return route({
    method: 'GET',
    path: '/v1/batches/:id/claims',
    direct: true,
    atOwner: 'refusals',
    tag,
    summary: 'Who claimed and opened, in order of claiming',
    auth: 'user',
    params,
    pathRefusal,
    query: {
      cursor: fields.cursor,
      after: fields.after,
      limit: fields.pageLimit,
      k: fields.linkKey,
    },
    answers: { 200: { description: 'One page.', schema: answers.claimsPage } },
    problems: ['batch_not_found', 'forbidden', 'quarantined', 'not_settled_yet', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const wait = await unsettled(engine, requestId, { batchId: path.id, after: query.after });
      if (wait !== undefined) return wait;
      const result = await books.claimsPage(
        path.id,
        caller.userId,
        keyOf(query.k),
        query.cursor,
        Number(query.limit ?? pageSizeDefault),
      );
      switch (result.code) {
        case 'page':
          return page(requestId, { items: result.items.map(claimItem), next: result.next });
        case 'bad_cursor':
          return invalidField(requestId, 'cursor', 'is not a cursor');
        case 'batch_not_found':
        case 'forbidden':
        case 'quarantined':
          return refusal(requestId, result.code);
        default:
          return assertNever(result);
      }
    },
  });
}

/** The link as a QR code, for the sender once there is a link. (E7) */
function qr({ books, options }: AppDeps, kind: 'svg' | 'png'): Route {
  const contentType = kind === 'svg' ? 'image/svg+xml' : 'image/png';
  return route({
    method: 'GET',
    path: `/v1/batches/:id/qr.${kind}`,
    tag,
    summary: `The receive link as a QR code, ${kind.toUpperCase()} (E7)`,
    auth: 'user',
    params,
    pathRefusal,
    answers: { 200: { description: 'The image.', contentType } },
    problems: ['batch_not_found', 'not_sender', 'not_active', 'unknown'],
    async handle({ caller, requestId, path }) {
      const result = await books.batchPage(path.id, caller.userId, undefined);
      if (result.code === 'batch_not_found') return problem(requestId, result.code);
      if (result.code !== 'page' || !result.page.isSender) return problem(requestId, 'not_sender');
      if (result.page.status === 'awaiting_confirmation') return problem(requestId, 'not_active');
      const image = await qrImage(
        receiveLink(options.publicUrl, path.id, result.page.linkKey),
        kind,
      );
      const headers = {
        'content-type': contentType,
        'x-request-id': requestId,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      };
      return { status: 200, headers, body: image };
    },
  });
}

/** The reads of one batch. */
export function batchPageRoutes(deps: AppDeps): Route[] {
  return [read(deps), claims(deps), qr(deps, 'svg'), qr(deps, 'png')];
}
