/**
 * JSON over HTTP to somebody who may be slow, broken or somebody else. Whatever is not clearly an answer is `unclear`:
 * nothing may be concluded from it. Reasons are short words of our own: they never hold what was sent or received.
 */
import type { ZodType } from 'zod';

/**
 * `silent`: nobody answered in time; `unreachable`: no connection, or it broke; others name what came instead.
 * `isAlive`: the server understood and answered about this request alone; it says nothing about the next one.
 */
export type Unclear = {
  readonly kind: 'unclear';
  readonly reason: string;
  readonly isAlive: boolean;
};
export type Reply = { readonly kind: 'reply'; readonly status: number; readonly body: unknown };

export interface JsonTarget {
  /** Base of all paths, without a slash at the end. */
  readonly url: string;
  /** Sent as Bearer token. */
  readonly token: string | undefined;
  /** For the whole call, the answer's last byte included. */
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

export interface JsonRequest {
  readonly method: 'GET' | 'POST';
  /** Begins with a slash; parts of it are encoded by the caller. */
  readonly path: string;
  readonly idempotencyKey?: string;
  readonly body?: object;
}

export function unclear(reason: string, isAlive = false): Unclear {
  return { kind: 'unclear', reason, isAlive };
}

/** Never rejects. Follows no redirect: an order must not be carried on to somebody else. */
export async function sendJson(target: JsonTarget, request: JsonRequest): Promise<Reply | Unclear> {
  const { method, path, idempotencyKey, body } = request;
  const signal = AbortSignal.timeout(target.timeoutMs);
  try {
    const response = await fetch(`${target.url}${path}`, {
      method,
      redirect: 'manual',
      signal,
      headers: {
        accept: 'application/json',
        ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return await replyOf(response, target.answerBytesMax);
  } catch {
    return unclear(signal.aborted ? 'silent' : 'unreachable');
  }
}

async function replyOf(response: Response, bytesMax: number): Promise<Reply | Unclear> {
  const { status, headers } = response;
  const isDecision = (status >= 200 && status < 300) || (status >= 400 && status < 500);
  const isJson = /^application\/json\s*(;|$)/i.test(headers.get('content-type') ?? '');
  if (!isDecision || status === 429 || !isJson) {
    await response.body?.cancel();
    return unclear(isJson || !isDecision ? `status_${status}` : 'not_json');
  }
  const bytes = await bodyOf(response, bytesMax);
  if (bytes === undefined) return unclear('too_large');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { kind: 'reply', status, body: JSON.parse(text) as unknown };
  } catch {
    return unclear('not_json');
  }
}

/** Undefined when there is more; the rest is not read. */
async function bodyOf(response: Response, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the rest.
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Who may not enter is refused whatever he asks. */
const entryStatuses = [401, 403];

/** Of a reply that nobody here can make sense of. */
export function notUnderstood({ status }: Reply): Unclear {
  const reason = status < 300 ? 'senseless' : `status_${status}`;
  return unclear(reason, !entryStatuses.includes(status));
}

/** What a reply says, or that it makes no sense. */
export function parsed<Value>(schema: ZodType<Value>, reply: Reply): Value | undefined {
  const result = schema.safeParse(reply.body);
  return result.success ? result.data : undefined;
}
