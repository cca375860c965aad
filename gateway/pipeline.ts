/**
 * Turns an entry of the route table into a handler: token, path, query, header, body, handler, error.
 */
import { idempotencyKeyPattern, rememberedMax } from '../engine/limits.ts';
import type { Answer } from './answer.ts';
import type { Authenticator, Caller, Verified } from './auth.ts';
import { parseBody, readBody, type BodyRead } from './body.ts';
import { inTime } from './deadline.ts';
import { isPassing } from './faults.ts';
import type { Forwarder } from './forward.ts';
import { assertNever } from './http.ts';
import type { Incoming } from './incoming.ts';
import type { RouteRecorder } from './metrics.ts';
import { problem, type FieldError } from './problems.ts';
import { Remembered } from './remembered.ts';
import type { Route } from './route.ts';
import { bounded, checkBody, checkQuery } from './validate.ts';
import { type Log, loggable } from './log.ts';

export interface Pipeline {
  readonly auth: Authenticator;
  readonly requestId: (incoming: Incoming) => string;
  readonly log: Log;
  /** Absent where no route belongs to a batch's owner. */
  readonly forwarder?: Forwarder | undefined;
}

const nobody: Caller = { userId: '', operator: false, expiresAt: Infinity };
const noValues = Object.freeze({});
const noBody: BodyRead = { code: 'empty' };
const noBytes = new Uint8Array();
const challenge = 'Bearer realm="hongbao"';

function unauthenticated(
  requestId: string,
  verified: Exclude<Verified, { code: 'verified' }>,
): Answer {
  switch (verified.code) {
    case 'missing':
      return problem(requestId, 'unauthenticated', { headers: { 'www-authenticate': challenge } });
    case 'invalid':
      return problem(requestId, 'unauthenticated', {
        detail: verified.reason,
        headers: { 'www-authenticate': `${challenge}, error="invalid_token"` },
      });
    case 'unavailable':
      return problem(requestId, 'auth_unavailable', { retryAfterSeconds: 1 });
    default:
      return assertNever(verified);
  }
}

const scopeMissing = {
  headers: { 'www-authenticate': `${challenge}, error="insufficient_scope", scope="operator"` },
};

/** What became of an exception: the client left, the world has a passing fault, or we are wrong. */
function failed(
  incoming: Incoming,
  spec: Route,
  requestId: string,
  log: Log,
  error: unknown,
): Answer {
  // Nobody reads it; the status only marks it in the metrics.
  if (incoming.gone()) return { status: 499, headers: noValues, body: '' };
  const passing = isPassing(error);
  log.error(
    { requestId, method: spec.method, route: spec.path, ...loggable(error) },
    passing ? 'a passing fault' : 'a request failed',
  );
  return passing
    ? problem(requestId, 'unknown', { retryAfterSeconds: 1 })
    : problem(requestId, 'internal');
}

/** The handler of an entry; it never rejects. */
export function handlerOf(
  spec: Route,
  pipeline: Pipeline,
  recorder: RouteRecorder,
): (incoming: Incoming) => Promise<Answer> {
  const { auth, log } = pipeline;
  const forwarder = spec.atOwner === undefined ? undefined : pipeline.forwarder;
  const params = Object.entries(spec.params ?? {}).map(([name, schema]) => ({
    name,
    schema,
    valid: new Remembered<true>(rememberedMax),
  }));
  const headerFields = Object.entries(spec.headers ?? {});
  const queries = new Remembered<Readonly<Record<string, unknown>>>(rememberedMax);
  const bodies = new Remembered<object>(rememberedMax);
  const handle: Route['handle'] =
    spec.ownDeadline === true
      ? spec.handle
      : (call) => inTime(call.requestId, log, spec.handle(call));

  async function serve(incoming: Incoming, requestId: string): Promise<Answer> {
    let caller = nobody;
    if (spec.auth !== 'none') {
      const authorization = incoming.header('authorization');
      const known = auth.known(authorization);
      if (known !== undefined) {
        caller = known;
      } else if (authorization !== undefined || spec.auth !== 'optional') {
        const verifying = auth.verify(authorization);
        const verified = verifying instanceof Promise ? await verifying : verifying;
        if (verified.code !== 'verified') return unauthenticated(requestId, verified);
        caller = verified.caller;
      }
      if (spec.auth === 'operator' && !caller.operator) {
        return problem(requestId, 'forbidden', scopeMissing);
      }
    }

    let errors: FieldError[] | undefined;
    const path: Record<string, string> = {};
    for (const { name, schema, valid } of params) {
      const value = incoming.param(name);
      if (valid.get(value) === undefined) {
        const result = schema.safeParse(value);
        if (result.success) valid.keep(value, true);
        else {
          if (spec.pathRefusal !== undefined) return problem(requestId, spec.pathRefusal);
          (errors ??= []).push({
            field: name,
            message: result.error.issues[0]?.message ?? 'is not valid',
          });
        }
      }
      path[name] = value;
    }

    let query: Readonly<Record<string, unknown>> = noValues;
    if (spec.query !== undefined && incoming.search !== '') {
      const { search } = incoming;
      const known = queries.get(search);
      if (known === undefined) {
        const found: FieldError[] = [];
        query = checkQuery(spec.query, new URLSearchParams(search), found);
        if (found.length === 0) queries.keep(search, query);
        else errors = [...(errors ?? []), ...found];
      } else query = known;
    }

    const headers: Record<string, unknown> = headerFields.length === 0 ? noValues : {};
    for (const [name, schema] of headerFields) {
      const value = incoming.header(name.toLowerCase());
      // Empty is how some clients say that they have none.
      if (value === undefined || value === '') continue;
      const result = schema.safeParse(value);
      if (result.success) headers[name] = result.data;
      else {
        const message = result.error.issues[0]?.message ?? 'is not valid';
        (errors ??= []).push({ field: name, message });
      }
    }

    let idempotencyKey: string | undefined;
    if (spec.idempotent === true) {
      idempotencyKey = incoming.header('idempotency-key');
      if (idempotencyKey !== undefined && !idempotencyKeyPattern.test(idempotencyKey)) {
        (errors ??= []).push({
          field: 'Idempotency-Key',
          message: 'must be 1 to 128 visible ASCII characters',
        });
      }
    }

    let body: unknown;
    if (spec.body !== undefined) {
      // A claim without a body does not wait for one.
      const read = incoming.hasBody() ? await readBody(incoming) : noBody;
      switch (read.code) {
        case 'body_too_large':
        case 'unsupported_media_type':
          return problem(requestId, read.code);
        case 'empty':
          body = spec.body.required ? checkBody(spec.body, {}, (errors ??= [])) : noValues;
          break;
        case 'bytes': {
          const known = spec.confidential === true ? undefined : bodies.get(read.latin1);
          if (known !== undefined) {
            body = known;
            break;
          }
          const parsed = parseBody(read.bytes);
          if (parsed.code === 'invalid_json') {
            const { field } = parsed;
            const named = field === undefined ? undefined : [{ field, message: 'is not JSON' }];
            return problem(requestId, 'invalid_json', { errors: named });
          }
          const checked = checkBody(spec.body, parsed.value, (errors ??= []));
          body = checked;
          const isKept = spec.confidential !== true && typeof checked === 'object';
          if (isKept && checked !== null) bodies.keep(read.latin1, checked);
          break;
        }
        default:
          return assertNever(read);
      }
    }
    let rawBody: Uint8Array = noBytes;
    if (spec.rawBody !== undefined && incoming.hasBody()) {
      const bytes = await incoming.bytes();
      if (bytes === undefined || bytes.byteLength > spec.rawBody.bytesMax) {
        return problem(requestId, 'body_too_large');
      }
      rawBody = bytes;
    }
    if (errors !== undefined && errors.length > 0) {
      return problem(requestId, 'invalid_request', { errors: bounded(errors) });
    }
    const call = { caller, requestId, path, query, headers, body, rawBody, idempotencyKey };
    if (forwarder === undefined) return handle(call);
    const about = { batchId: path['id'] ?? '', userId: caller.userId };
    const sent = body === noValues ? undefined : body;
    if (spec.atOwner === 'refusals') {
      const answer = await handle(call);
      if (answer.status !== 403) return answer;
      // What was told elsewhere a moment ago may not have come here yet.
      return (await forwarder.forward(incoming, requestId, about, sent)) ?? answer;
    }
    const elsewhere = forwarder.forward(incoming, requestId, about, sent);
    if (elsewhere !== undefined) return elsewhere;
    return forwarder.mark(incoming, await handle(call), about.batchId);
  }

  return async (incoming) => {
    const startedMs = recorder.begin();
    const requestId = pipeline.requestId(incoming);
    let answer: Answer;
    try {
      answer = await serve(incoming, requestId);
    } catch (error) {
      answer = failed(incoming, spec, requestId, log, error);
    }
    recorder.end(answer.status, startedMs);
    return answer;
  };
}
