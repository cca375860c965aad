/** Every error the gateway can answer: one table, code → status and words. (RFC 9457) */

import type { Answer } from './answer.ts';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Used when the place that refuses has nothing more exact to say. */
  readonly detail: string;
}

const kind = (status: number, title: string, detail: string): ProblemKind => ({
  status,
  title,
  detail,
});

export const problemKinds = {
  // The request itself
  bad_request: kind(400, 'Bad request', 'The request is not valid HTTP.'),
  invalid_json: kind(400, 'Invalid JSON', 'The body is not valid JSON in UTF-8.'),
  invalid_request: kind(400, 'Invalid request', 'Some fields are not valid; see errors.'),
  idempotency_key_required: kind(
    400,
    'Idempotency-Key required',
    'This batch lets a receiver claim more than once, so the request needs an Idempotency-Key.',
  ),
  unauthenticated: kind(401, 'Unauthenticated', 'A valid bearer token is required.'),
  forbidden: kind(403, 'Forbidden', 'The token does not allow this.'),
  route_not_found: kind(404, 'Route not found', 'There is nothing at this path.'),
  method_not_allowed: kind(405, 'Method not allowed', 'This path does not know that method.'),
  request_timeout: kind(408, 'Request timeout', 'The request did not arrive in time.'),
  body_too_large: kind(413, 'Body too large', 'The body is larger than this server accepts.'),
  unsupported_media_type: kind(
    415,
    'Unsupported media type',
    'The body has to be application/json in UTF-8, not compressed.',
  ),
  headers_too_large: kind(431, 'Headers too large', 'The header fields are too large.'),

  rate_limited: kind(429, 'Rate limited', 'Too many of these in a short time; nothing was done.'),

  // Idempotency
  idempotency_in_progress: kind(
    409,
    'Idempotency-Key in progress',
    'The first request with this key is still running.',
  ),
  idempotency_key_reused: kind(
    422,
    'Idempotency-Key reused',
    'This key was used with another request.',
  ),

  // Operator
  reference_reused: kind(
    422,
    'Reference reused',
    'This reference stands with another user, asset or amount.',
  ),
  balance_overflow: kind(422, 'Balance overflow', 'The balance would leave the exact integers.'),

  // Batches (E1–E14)
  above_threshold: kind(
    422,
    'Above threshold',
    'The amount of one packet, or the mean, is above the threshold; choose a smaller one.',
  ),
  batch_not_found: kind(404, 'Batch not found', 'There is no batch with this id.'),
  not_sender: kind(403, 'Not the sender', 'Only the sender of the batch may do this.'),
  insufficient_funds: kind(409, 'Insufficient funds', 'The balance does not cover the amount.'),
  confirmation_expired: kind(
    410,
    'Confirmation expired',
    'The batch was not confirmed in time; create it again.',
  ),
  not_active: kind(409, 'Not active', 'The batch is not confirmed yet.'),
  audience_full: kind(422, 'Audience full', 'The batch cannot store that many receivers.'),
  expired: kind(410, 'Expired', 'The batch has expired.'),
  not_in_audience: kind(403, 'Not in the audience', 'The batch is for other receivers.'),
  bad_key: kind(403, 'Bad key', "Claiming this batch needs the link's key."),
  exhausted: kind(410, 'Exhausted', 'All packets of the batch are claimed.'),
  not_claimed: kind(409, 'Not claimed', 'The caller holds no such packet of this batch.'),

  // People, groups, messages, posts (E7, E10)
  contact_not_found: kind(
    404,
    'Contact not found',
    'There is no such contact, and no such request.',
  ),
  contact_blocked: kind(409, 'Contact blocked', 'The caller blocks this user; unblock first.'),
  contact_refused: kind(403, 'Contact refused', 'This user takes no requests of the caller.'),
  not_contacts: kind(
    403,
    'Not contacts',
    'Some of the users are no contacts of the caller; see errors.',
  ),
  not_a_contact: kind(403, 'Not a contact', 'Messages go to accepted contacts only.'),
  group_not_found: kind(404, 'Group not found', 'The caller is in no group with this id.'),
  group_full: kind(422, 'Group full', 'The group cannot hold that many members.'),
  not_owner: kind(403, 'Not the owner', 'Only the owner may do this; members may leave.'),
  conversation_not_found: kind(
    404,
    'Conversation not found',
    'The caller is in no conversation with this id.',
  ),
  message_not_found: kind(
    404,
    'Message not found',
    'The conversation has no such message that the caller can see.',
  ),

  // Trade groups (T1–T6)
  invitation_not_found: kind(404, 'Invitation not found', 'The caller has no such invitation.'),
  invitation_ended: kind(
    409,
    'Invitation ended',
    'It was answered otherwise or withdrawn, or its inviter is no contact of the caller any more.',
  ),
  already_member: kind(409, 'Already a member', 'The caller is in the group.'),
  join_request_not_found: kind(404, 'Join request not found', 'The group has no such request.'),
  join_request_ended: kind(
    409,
    'Join request ended',
    'It was answered otherwise or withdrawn, or who asked is no contact of the owner any more.',
  ),
  sharing_full: kind(
    422,
    'Sharing full',
    'The caller would share in too many groups, or too many accounts altogether.',
  ),
  secrets_not_configured: kind(
    503,
    'Secrets not configured',
    'This server takes no secrets: it has no keys to keep them under.',
  ),

  // Push streams (E5, E12)
  too_many_streams: kind(
    429,
    'Too many streams',
    'The caller has too many streams open; close one, or come again later.',
  ),
  stream_delayed: kind(
    503,
    'Stream delayed',
    'Work that began before this stream goes on and might not be told to it; open it again later.',
  ),

  // Payment (E17)
  not_registered: kind(404, 'Not registered', 'The caller has registered no card.'),
  registration_required: kind(
    409,
    'Registration required',
    'Withdrawals go to a registered card: PUT /v1/payment/registration first.',
  ),
  asset_not_withdrawable: kind(
    422,
    'Asset not withdrawable',
    'This asset cannot be paid out to a card.',
  ),
  withdrawal_limit: kind(
    422,
    'Withdrawal limit',
    'The request does not keep a limit: of one withdrawal (min, max), or of all in 24 hours (day_amount, day_count).',
  ),
  withdrawal_not_found: kind(
    404,
    'Withdrawal not found',
    'The caller has no withdrawal with this id.',
  ),
  wrong_code: kind(
    422,
    'Wrong code',
    'The verification code is wrong; after the last attempt the withdrawal is rejected and its amount free again.',
  ),
  code_expired: kind(
    410,
    'Code expired',
    'The verification code came too late: the withdrawal is rejected and its amount free again.',
  ),
  not_awaiting_verification: kind(
    409,
    'Not awaiting verification',
    'The withdrawal waits for no code any more.',
  ),
  payment_not_configured: kind(
    503,
    'Payment not configured',
    'This server pays nothing out: it has no card keys.',
  ),

  // Trades that come in (T8, T12)
  platform_not_found: kind(404, 'Platform not found', 'No platform that pushes has this name.'),
  trade_not_found: kind(404, 'Trade not found', 'The caller sees no trade with this id.'),
  bad_signature: kind(403, 'Bad signature', 'The push is not signed as its platform signs.'),
  push_too_old: kind(400, 'Push too old', 'The push was signed too long ago, or in the future.'),
  push_malformed: kind(400, 'Push malformed', 'The push is none that its platform could send.'),

  // The server
  internal: kind(500, 'Internal error', 'Something went wrong here; it has been recorded.'),
  overloaded: kind(503, 'Overloaded', 'Too much work at the moment; repeat the request later.'),
  unknown: kind(
    503,
    'Outcome unknown',
    'It is not known yet what became of the request; repeating it is safe.',
  ),
  quarantined: kind(503, 'Quarantined', 'The batch waits for a repair by an operator.'),
  not_settled_yet: kind(
    503,
    'Not settled yet',
    'What was acknowledged is not in the books yet; repeat the request.',
  ),
  auth_unavailable: kind(
    503,
    'Keys unavailable',
    'The keys that verify tokens cannot be fetched; repeat the request.',
  ),
  not_ready: kind(503, 'Not ready', 'This node does not serve at the moment.'),
} as const satisfies Record<string, ProblemKind>;

/** Stable code of a problem (API.md "Errors"). */
export type ProblemCode = keyof typeof problemKinds;

export interface FieldError {
  /** A field of the body, a query or path parameter, a header; `receivers[3]` inside lists. */
  readonly field: string;
  readonly message: string;
}

export interface ProblemExtras {
  readonly detail?: string | undefined;
  readonly errors?: readonly FieldError[] | undefined;
  /** Minor units; with `above_threshold` only. (E2) */
  readonly threshold?: number | undefined;
  /** With `wrong_code` only. (E17) */
  readonly attemptsLeft?: number | undefined;
  /** With `withdrawal_limit` only; minor units, or requests. (E17) */
  readonly limit?: { readonly name: string; readonly value: number } | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The `type` URI of a code. */
export const problemType = (code: ProblemCode): string => `urn:problem:hongbao:${code}`;

/** What stays the same for a code, made once: refusals are as frequent as claims in a campaign. */
const heads = new Map<ProblemCode, { open: string; detail: string }>(
  Object.entries(problemKinds).map(([code, { status, title, detail }]) => {
    const fixed = { type: problemType(code as ProblemCode), title, status, code };
    return [
      code as ProblemCode,
      { open: JSON.stringify(fixed).slice(0, -1), detail: JSON.stringify(detail) },
    ];
  }),
);

/**
 * The JSON text of a problem. `requestId` is of our own alphabet (see request-id.ts), so it needs no
 * escaping.
 */
export function problemText(code: ProblemCode, requestId: string, extras?: ProblemExtras): string {
  const head = heads.get(code);
  if (head === undefined) throw new Error(`no problem kind ${code}`);
  const detail = extras?.detail === undefined ? head.detail : JSON.stringify(extras.detail);
  let text = `${head.open},"detail":${detail},"requestId":"${requestId}"`;
  if (extras?.errors !== undefined) text += `,"errors":${JSON.stringify(extras.errors)}`;
  if (extras?.threshold !== undefined) text += `,"threshold":${extras.threshold}`;
  if (extras?.attemptsLeft !== undefined) text += `,"attemptsLeft":${extras.attemptsLeft}`;
  if (extras?.limit !== undefined) text += `,"limit":${JSON.stringify(extras.limit)}`;
  return `${text}}`;
}

/** A problem as an answer; `Retry-After` is in whole seconds, at least 1. */
export function problem(requestId: string, code: ProblemCode, extras?: ProblemExtras): Answer {
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'x-request-id': requestId,
  };
  if (extras?.retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(extras.retryAfterSeconds)));
  }
  if (extras?.headers !== undefined) Object.assign(headers, extras.headers);
  const { status } = problemKinds[code];
  return { status, headers, body: problemText(code, requestId, extras) };
}

/** A 400 that names one field. */
export function invalidField(requestId: string, field: string, message: string): Answer {
  return problem(requestId, 'invalid_request', { errors: [{ field, message }] });
}
