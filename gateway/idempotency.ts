/** `Idempotency-Key`: the header, the digest of what was asked, and the answer kept under it. */
import { hash } from 'node:crypto';
import type { Answer as StoredAnswer, Books, OnceResult, Tx } from '../engine/books/types.ts';
import type { IdempotencyTag } from '../engine/core/types.ts';
import { answerText, type Answer } from './answer.ts';
import { problem, type ProblemCode, type ProblemExtras } from './problems.ts';

/** JSON with sorted keys: the same content gives the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}

/** SHA-256 of the canonical JSON, base64url. */
export function digestOf(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'base64url');
}

/** Key and digest, when the client sent a key. */
export function tagOf(key: string | undefined, body: unknown): IdempotencyTag | undefined {
  return key === undefined ? undefined : { key, digest: digestOf(body) };
}

/** Marks an answer that was given before. */
export const replayedHeader = { 'idempotency-replayed': 'true' } as const;

/** A refusal inside `once`: rolled back, and turned into a problem outside. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly extras?: ProblemExtras;
}

/** A 400 that names one field, where only the creation can tell. */
export const invalidRefusal = (field: string, message: string): Refusal => ({
  code: 'invalid_request',
  extras: { errors: [{ field, message }] },
});

/** What came of a creation; `headers` go with the answer of this time, a replay has none. */
export type Made =
  | { readonly body: object; readonly headers?: Readonly<Record<string, string>> | undefined }
  | { readonly refusal: Refusal };

/** What is to be created once. */
export interface OnceRequest {
  readonly userId: string;
  readonly requestId: string;
  /** Part of what must be the same, e.g. `POST /v1/batches`. */
  readonly scope: string;
  readonly tag: IdempotencyTag | undefined;
}

/**
 * Creates something once: `create` runs in one transaction, its body is kept under the caller's key
 * and given again with `Idempotency-Replayed: true`. A refusal leaves nothing behind.
 */
export async function createOnce(
  books: Pick<Books, 'once'>,
  request: OnceRequest,
  create: (tx: Tx) => Promise<Made>,
): Promise<Answer> {
  let refusal: Refusal | undefined;
  let headers: Readonly<Record<string, string>> | undefined;
  const work = async (tx: Tx): Promise<StoredAnswer> => {
    // Books may run this again after a conflict: only the last run counts.
    refusal = undefined;
    const made = await create(tx);
    if ('body' in made) {
      ({ headers } = made);
      return { status: 201, body: made.body, keep: true };
    }
    refusal = made.refusal;
    return { status: 422, body: null, keep: false };
  };
  const result: OnceResult = await books.once(request.userId, request.scope, request.tag, work);
  switch (result.code) {
    case 'idempotency_key_reused':
      return problem(request.requestId, result.code);
    case 'idempotency_in_progress':
      return problem(request.requestId, result.code, { retryAfterSeconds: 1 });
    case 'answered': {
      if (refusal !== undefined) return problem(request.requestId, refusal.code, refusal.extras);
      const text = JSON.stringify(result.body);
      return answerText(
        request.requestId,
        result.status,
        text,
        result.replayed ? replayedHeader : headers,
      );
    }
  }
}
