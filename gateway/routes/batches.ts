/** Batches: create and confirm. (E1–E6) */
import type { Tx } from '../../engine/books/types.ts';
import type { BatchParams } from '../../engine/core/types.ts';
import { creation } from '../creation.ts';
import type { AppDeps } from '../deps.ts';
import { answerText } from '../answer.ts';
import { assertNever, isoTime } from '../http.ts';
import { problem } from '../problems.ts';
import { batchPolicy, overQuota, quotaHeaders } from '../rate-limit.ts';
import type { QuotaPolicy, Standing } from '../rolling-quota.ts';
import { unsettled } from '../settled.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { createBatchBody, emptyBody, type NewBatchBody } from '../schemas/requests.ts';

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

/** True when one packet is worth more than the threshold (fixed), or the mean is (lucky). (E2) */
function aboveThreshold(body: NewBatchBody, total: number, threshold: number): boolean {
  return body.mode === 'fixed' ? body.each > threshold : total > threshold * body.count;
}

function create(deps: AppDeps): Route {
  const { books, randomBytes, options } = deps;
  const { shareThreshold } = options;
  const limit = batchPolicy(deps);

  /** How the sender stands with one more batch, under the sender's lock. */
  async function standingOf(tx: Tx, senderId: string, policy: QuotaPolicy): Promise<Standing> {
    const { most, windowMs } = policy;
    const { used, freeInMs } = await books.batchQuotaUse(tx, senderId, most, windowMs);
    return { policy, allowed: used < most, remaining: most - used - 1, freeInMs };
  }

  return creation(books, {
    path: '/v1/batches',
    tag,
    summary: 'Ask for a batch of packets; it waits for confirmation (E1, E3)',
    body: createBatchBody,
    answer: { description: 'Created.', schema: answers.createdBatch },
    problems: ['above_threshold', 'rate_limited'],
    async create(tx, { caller, body }) {
      const senderId = caller.userId;
      const total = body.mode === 'fixed' ? body.each * body.count : body.total;
      const each = body.mode === 'fixed' ? body.each : undefined;
      // Inside, so that a replay gives its first answer even when the threshold was lowered since.
      if (shareThreshold !== undefined && aboveThreshold(body, total, shareThreshold)) {
        return { refusal: { code: 'above_threshold', extras: { threshold: shareThreshold } } };
      }
      const standing = limit && (await standingOf(tx, senderId, limit));
      if (standing?.allowed === false) {
        return { refusal: { code: 'rate_limited', extras: overQuota(standing) } };
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
      return {
        body: shown(batch, 'awaiting_confirmation'),
        headers: standing && quotaHeaders(standing),
      };
    },
  });
}

function confirm({ books, engine, options }: AppDeps): Route {
  return route({
    method: 'POST',
    path: '/v1/batches/:id/confirm',
    tag,
    summary: 'Confirm the transfer; the batch becomes active (E3–E6)',
    auth: 'user',
    params,
    pathRefusal,
    query: { after: fields.after },
    body: emptyBody,
    answers: {
      200: { description: 'Active; repeated: the same.', schema: answers.confirmedBatch },
    },
    problems: [
      'batch_not_found',
      'not_sender',
      'insufficient_funds',
      'confirmation_expired',
      'not_settled_yet',
      'unknown',
    ],
    async handle({ caller, requestId, path, query }) {
      let result = await books.confirm(path.id, caller.userId);
      if (result.code === 'insufficient_funds') {
        // What the sender was told to have received may still be on its way into the account.
        const about = { userId: caller.userId, after: query.after };
        const wait = await unsettled(engine, requestId, about);
        if (wait !== undefined) return wait;
        result = await books.confirm(path.id, caller.userId);
      }
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

/** What makes a batch; its pages, audience and claims have files of their own. */
export function batchRoutes(deps: AppDeps): Route[] {
  return [create(deps), confirm(deps)];
}
