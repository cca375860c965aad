/** Batches: create, confirm, page, claims page, QR code. (E1–E6, E9) */
import QRCode from 'qrcode';
import type { BatchParams } from '../../engine/core/types.ts';
import type { BatchPage, ClaimItem } from '../../engine/books/types.ts';
import { linkKeyPattern, pageSizeDefault } from '../../engine/limits.ts';
import type { AppDeps } from '../deps.ts';
import { answerText, assertNever, isoTime, isoTimeMaybe, page } from '../http.ts';
import { createOnce, tagOf } from '../idempotency.ts';
import { invalidField, problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { createBatchBody, emptyBody, type NewBatchBody } from '../schemas/requests.ts';
import { unsettled } from './settled.ts';

const tag = 'Batches';
const params = { id: fields.batchId };
const pathRefusal = 'batch_not_found';
/** 128 random bits: 22 characters of base64url. */
const linkKeyBytes = 16;

type Created = Pick<
  BatchParams,
  'id' | 'mode' | 'count' | 'total' | 'each' | 'asset' | 'greeting' | 'senderId' | 'createdAt'
>;

/** What create and confirm both show. `JSON.stringify` leaves undefined fields out. */
function shown(batch: Created, status: string): Record<string, unknown> {
  const { id, mode, count, total, each, asset, greeting, senderId } = batch;
  return {
    id,
    status,
    mode,
    count,
    total,
    each,
    asset,
    greeting,
    senderId,
    createdAt: isoTime(batch.createdAt),
    transfer: { from: `user:${senderId}`, to: `escrow:${id}`, asset, amount: total },
  };
}

/** The receive link; shown to the sender alone. (E6) */
export function receiveLink(publicUrl: string, id: string, linkKey: string): string {
  return `${publicUrl}/r/${id}?k=${linkKey}`;
}

/** `k` as books compares it: another form cannot be the key of any batch. */
function keyOf(k: string | undefined): string | undefined {
  return k !== undefined && linkKeyPattern.test(k) ? k : undefined;
}

/** True when one packet is worth more than the threshold (fixed), or the mean is (lucky). (E2) */
function aboveThreshold(body: NewBatchBody, total: number, threshold: number): boolean {
  return body.mode === 'fixed' ? body.each > threshold : total > threshold * body.count;
}

function create({ books, randomBytes, options }: AppDeps): Route {
  const scope = 'POST /v1/batches';
  const { shareThreshold } = options;
  return route({
    method: 'POST',
    path: '/v1/batches',
    tag,
    summary: 'Ask for a batch of packets; it waits for confirmation (E1, E3)',
    auth: 'user',
    idempotent: true,
    body: createBatchBody,
    answers: { 201: { description: 'Created.', schema: answers.createdBatch } },
    problems: ['above_threshold', 'idempotency_key_reused', 'idempotency_in_progress', 'unknown'],
    handle({ caller, requestId, body, idempotencyKey }) {
      const senderId = caller.userId;
      const total = body.mode === 'fixed' ? body.each * body.count : body.total;
      const each = body.mode === 'fixed' ? body.each : undefined;
      const request = { userId: senderId, requestId, scope, tag: tagOf(idempotencyKey, body) };
      return createOnce(books, request, async (tx) => {
        // Inside, so that a replay gives its first answer even when the threshold was lowered since.
        if (shareThreshold !== undefined && aboveThreshold(body, total, shareThreshold)) {
          return { refusal: { code: 'above_threshold', extras: { threshold: shareThreshold } } };
        }
        const { mode, count, asset, greeting, oncePerReceiver } = body;
        const made = await books.createBatch(tx, {
          senderId,
          mode,
          count,
          total,
          each,
          asset,
          greeting,
          expiresInSeconds: body.expiresIn,
          oncePerReceiver,
          linkKey: Buffer.from(randomBytes(linkKeyBytes)).toString('base64url'),
        });
        const batch = { ...made, mode, count, total, each, asset, greeting, senderId };
        return { body: shown(batch, 'awaiting_confirmation') };
      });
    },
  });
}

function confirm({ books, options }: AppDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/batches/:id/confirm',
    tag,
    summary: 'Confirm the transfer; the batch becomes active (E3–E6)',
    auth: 'user',
    params,
    pathRefusal,
    body: emptyBody,
    answers: {
      200: { description: 'Active; repeated: the same.', schema: answers.confirmedBatch },
    },
    problems: [
      'batch_not_found',
      'not_sender',
      'insufficient_funds',
      'confirmation_expired',
      'unknown',
    ],
    async handle({ caller, requestId, path }) {
      const result = await books.confirm(path.id, caller.userId);
      switch (result.code) {
        case 'confirmed': {
          const { batch } = result;
          const body = {
            ...shown(batch, 'active'),
            expiresAt: isoTime(batch.expiresAt),
            link: receiveLink(options.publicUrl, batch.id, batch.linkKey),
          };
          return answerText(requestId, 200, JSON.stringify(body));
        }
        case 'batch_not_found':
        case 'not_sender':
        case 'insufficient_funds':
        case 'confirmation_expired':
          return problem(requestId, result.code);
        default:
          return assertNever(result);
      }
    },
  });
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
    tag,
    summary: 'State of a batch: sender, listed receivers, packet holders, or with the key (E9)',
    auth: 'user',
    params,
    pathRefusal,
    query: { k: fields.linkKey, after: fields.after },
    answers: { 200: { description: 'The batch.', schema: answers.batchPage } },
    problems: ['batch_not_found', 'forbidden', 'not_settled_yet', 'unknown'],
    async handle({ caller, requestId, path, query }) {
      const wait = await unsettled(engine, requestId, { batchId: path.id, after: query.after });
      if (wait !== undefined) return wait;
      const result = await books.batchPage(path.id, caller.userId, keyOf(query.k));
      if (result.code === 'page') return page(requestId, pageBody(result.page));
      return problem(requestId, result.code);
    },
  });
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
    problems: ['batch_not_found', 'forbidden', 'not_settled_yet', 'unknown'],
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
          return problem(requestId, result.code);
        default:
          return assertNever(result);
      }
    },
  });
}

/** The link as a QR code, for the sender once there is a link. (E7) */
function qr({ books, options }: AppDeps, kind: 'svg' | 'png'): Route {
  const contentType = kind === 'svg' ? 'image/svg+xml' : 'image/png';
  const draw = async (link: string): Promise<string | Uint8Array<ArrayBuffer>> =>
    kind === 'svg'
      ? QRCode.toString(link, { type: 'svg', errorCorrectionLevel: 'M' })
      : new Uint8Array(await QRCode.toBuffer(link, { errorCorrectionLevel: 'M', width: 512 }));
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
      const image = await draw(receiveLink(options.publicUrl, path.id, result.page.linkKey));
      const headers = {
        'content-type': contentType,
        'x-request-id': requestId,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      };
      return new Response(image, { status: 200, headers });
    },
  });
}

/** The family without claims and audience. */
export function batchRoutes(deps: AppDeps): Route[] {
  return [create(deps), confirm(deps), read(deps), claims(deps), qr(deps, 'svg'), qr(deps, 'png')];
}
