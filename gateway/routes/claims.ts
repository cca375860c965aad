/** Claim and open: the hot path. (E11–E14) */
import type { ClaimOutcome, OpenOutcome, PacketView } from '../../engine/api.ts';
import type { IdempotencyTag } from '../../engine/core/types.ts';
import type { AppDeps } from '../deps.ts';
import { answerText, type Answer } from '../answer.ts';
import { assertNever, isoTime } from '../http.ts';
import { digestOf, replayedHeader } from '../idempotency.ts';
import { problem } from '../problems.ts';
import { claimQuota, rateLimited, withQuota } from '../rate-limit.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import * as fields from '../schemas/fields.ts';
import { claimBody, openBody } from '../schemas/requests.ts';

const tag = 'Batches';
const params = { id: fields.batchId };
const pathRefusal = 'batch_not_found';

/**
 * JSON by template, without the closing brace: ids, asset and position are of alphabets that need no
 * escaping (limits.ts), times and amounts are ours.
 */
function packetText(packet: PacketView, withClaimedAt: boolean): string {
  const { amount, openedAt } = packet;
  let text = `{"batchId":"${packet.batchId}","packetId":"${packet.packetId}","receiverId":"${packet.receiverId}"`;
  text += amount === undefined ? ',"status":"claimed"' : ',"status":"opened"';
  if (withClaimedAt) text += `,"claimedAt":"${isoTime(packet.claimedAt)}"`;
  if (amount !== undefined && openedAt !== undefined) {
    text += `,"amount":${amount},"asset":"${packet.asset}","openedAt":"${isoTime(openedAt)}"`;
  }
  return `${text},"position":"${packet.position}"`;
}

function claimAnswer(requestId: string, outcome: ClaimOutcome): Answer {
  switch (outcome.code) {
    case 'claimed':
      return answerText(
        requestId,
        201,
        `${packetText(outcome.packet, true)}}`,
        outcome.replayed ? replayedHeader : undefined,
      );
    case 'repeated':
      return answerText(requestId, 200, `${packetText(outcome.packet, true)},"repeated":true}`);
    case 'exhausted':
    case 'expired':
    case 'batch_not_found':
    case 'not_active':
    case 'not_in_audience':
    case 'bad_key':
    case 'idempotency_key_required':
    case 'idempotency_key_reused':
      return problem(requestId, outcome.code);
    case 'overloaded':
    case 'unknown':
    case 'quarantined':
      return problem(requestId, outcome.code, outcome);
    default:
      return assertNever(outcome);
  }
}

function openAnswer(requestId: string, outcome: OpenOutcome): Answer {
  switch (outcome.code) {
    case 'opened':
      return answerText(requestId, 200, `${packetText(outcome.packet, false)}}`);
    case 'batch_not_found':
    case 'not_active':
    case 'not_claimed':
    case 'expired':
      return problem(requestId, outcome.code);
    case 'overloaded':
    case 'unknown':
    case 'quarantined':
      return problem(requestId, outcome.code, outcome);
    default:
      return assertNever(outcome);
  }
}

/** Digest of a request without a link key, the usual one. */
const bareDigest = digestOf({});

/** The key belongs to the body alone: the same key with `?open=true` later opens what was claimed. */
function tagOfClaim(
  key: string | undefined,
  linkKey: string | undefined,
): IdempotencyTag | undefined {
  if (key === undefined) return undefined;
  return { key, digest: linkKey === undefined ? bareDigest : digestOf({ key: linkKey }) };
}

/** Claim and open of one batch. */
export function claimRoutes(deps: AppDeps): Route[] {
  const { engine } = deps;
  const quota = claimQuota(deps);
  const claim = route({
    method: 'POST',
    path: '/v1/batches/:id/claims',
    tag,
    summary: 'Claim a packet, and open it in the same step with ?open=true (E11–E13)',
    auth: 'user',
    params,
    pathRefusal,
    atOwner: true,
    direct: true,
    ownDeadline: true,
    query: { open: fields.flag },
    idempotent: true,
    body: claimBody,
    answers: {
      201: { description: 'Claimed.', schema: answers.claimAnswer },
      200: { description: 'Claimed before: the same packet.', schema: answers.repeatedClaim },
    },
    problems: [
      'batch_not_found',
      'not_active',
      'expired',
      'not_in_audience',
      'bad_key',
      'exhausted',
      'idempotency_key_required',
      'idempotency_key_reused',
      'rate_limited',
      'overloaded',
      'unknown',
      'quarantined',
    ],
    async handle({ caller, requestId, path, query, body, idempotencyKey }) {
      const open = query.open === 'true';
      // What was let through within the window is a repeat: the engine gives it its one answer again.
      const standing = quota?.take(caller.userId, `${path.id} ${idempotencyKey ?? ''}`);
      if (standing?.allowed === false) return rateLimited(requestId, standing);
      const outcome = await engine.claim({
        batchId: path.id,
        receiverId: caller.userId,
        linkKey: body.key,
        open,
        tag: tagOfClaim(idempotencyKey, body.key),
      });
      const answer = claimAnswer(requestId, outcome);
      return standing === undefined ? answer : withQuota(answer, standing);
    },
  });

  const open = route({
    method: 'POST',
    path: '/v1/batches/:id/open',
    tag,
    summary: "Open a claimed packet: the caller's oldest unopened one, or the one named (E13, E14)",
    auth: 'user',
    params,
    pathRefusal,
    atOwner: true,
    direct: true,
    ownDeadline: true,
    body: openBody,
    answers: { 200: { description: 'Opened; repeated: the same.', schema: answers.openedPacket } },
    problems: [
      'batch_not_found',
      'not_active',
      'not_claimed',
      'expired',
      'overloaded',
      'unknown',
      'quarantined',
    ],
    async handle({ caller, requestId, path, body }) {
      const outcome = await engine.open({
        batchId: path.id,
        receiverId: caller.userId,
        packetId: body.packetId,
      });
      return openAnswer(requestId, outcome);
    },
  });

  return [claim, open];
}
