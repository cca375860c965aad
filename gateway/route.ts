/**
 * The route table's one entry type, and the pipeline that turns an entry into a Hono handler:
 * token, path, query, header, body, handler, error. One handler per route: Hono then runs it without
 * composing a middleware chain.
 */
import type { z } from 'zod';
import { idempotencyKeyPattern } from '../engine/limits.ts';
import type { Authenticator, Caller, Verified } from './auth.ts';
import { hasBody, readBody, type BodyRead } from './body.ts';
import type { Log } from './deps.ts';
import { isPassing } from './faults.ts';
import { assertNever, clientGone, header, type GatewayContext } from './http.ts';
import type { RouteRecorder } from './metrics.ts';
import { problem, type FieldError, type ProblemCode } from './problems.ts';
import { bounded, checkBody, checkQuery, type BodySpec, type Parameters } from './validate.ts';

type PathValues<P extends Parameters> = { readonly [K in keyof P]: string };
type QueryValues<Q extends Parameters> = { readonly [K in keyof Q]?: z.output<Q[K]> };

/** A request that passed all checks. */
export interface Call<
  P extends Parameters = Parameters,
  Q extends Parameters = Parameters,
  B = unknown,
> {
  /** Nobody (`userId` empty) on routes without a token. */
  readonly caller: Caller;
  readonly requestId: string;
  readonly path: PathValues<P>;
  readonly query: QueryValues<Q>;
  readonly body: B;
  readonly idempotencyKey: string | undefined;
}

export interface AnswerSpec {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** `application/json` unless said otherwise. */
  readonly contentType?: string;
}

export interface RouteSpec<P extends Parameters, Q extends Parameters, B> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Hono pattern, e.g. `/v1/batches/:id`. Also the label of its metrics. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly auth: 'none' | 'user' | 'operator';
  readonly params?: P;
  /** The answer when a path parameter cannot exist; otherwise it is named in a 400. */
  readonly pathRefusal?: ProblemCode;
  readonly query?: Q;
  readonly body?: BodySpec<B>;
  /** Reads `Idempotency-Key`. */
  readonly idempotent?: boolean;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Codes of its own, beside those that follow from the fields above. */
  readonly problems: readonly ProblemCode[];
  readonly handle: (call: Call<P, Q, B>) => Response | Promise<Response>;
}

/** An entry whose parameter types are no longer told apart. */
export type Route = RouteSpec<Parameters, Parameters, unknown>;

/** Types one entry by its own schemas. */
export function route<P extends Parameters = {}, Q extends Parameters = {}, B = undefined>(
  spec: RouteSpec<P, Q, B>,
): Route {
  return spec as unknown as Route;
}

export interface Pipeline {
  readonly auth: Authenticator;
  readonly requestId: (c: GatewayContext) => string;
  readonly log: Log;
}

const nobody: Caller = { userId: '', operator: false };
const noValues = Object.freeze({});
const noBody: BodyRead = { code: 'empty' };
const challenge = 'Bearer realm="hongbao"';

function unauthenticated(
  requestId: string,
  verified: Exclude<Verified, { code: 'verified' }>,
): Response {
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
  c: GatewayContext,
  spec: Route,
  requestId: string,
  log: Log,
  error: unknown,
): Response {
  // Nobody reads it; the status only marks it in the metrics.
  if (clientGone(c)) return new Response(null, { status: 499 });
  const passing = isPassing(error);
  log.error(
    { requestId, method: spec.method, route: spec.path, err: error },
    passing ? 'a passing fault' : 'a request failed',
  );
  return passing
    ? problem(requestId, 'unknown', { retryAfterSeconds: 1 })
    : problem(requestId, 'internal');
}

/** The Hono handler of an entry. */
export function handlerOf(
  spec: Route,
  pipeline: Pipeline,
  recorder: RouteRecorder,
): (c: GatewayContext) => Promise<Response> {
  const { auth, log } = pipeline;
  const params = Object.entries(spec.params ?? {});

  async function serve(c: GatewayContext, requestId: string): Promise<Response> {
    let caller = nobody;
    if (spec.auth !== 'none') {
      const authorization = header(c, 'authorization');
      const known = auth.known(authorization);
      if (known !== undefined) {
        caller = known;
      } else {
        const verified = await auth.verify(authorization);
        if (verified.code !== 'verified') return unauthenticated(requestId, verified);
        caller = verified.caller;
      }
      if (spec.auth === 'operator' && !caller.operator) {
        return problem(requestId, 'forbidden', scopeMissing);
      }
    }

    let errors: FieldError[] | undefined;
    const path: Record<string, string> = {};
    for (const [name, schema] of params) {
      const value = c.req.param(name) ?? '';
      const result = schema.safeParse(value);
      if (!result.success) {
        if (spec.pathRefusal !== undefined) return problem(requestId, spec.pathRefusal);
        (errors ??= []).push({
          field: name,
          message: result.error.issues[0]?.message ?? 'is not valid',
        });
      }
      path[name] = value;
    }

    let query: Record<string, unknown> = noValues;
    if (spec.query !== undefined) {
      const { url } = c.req.raw;
      const mark = url.indexOf('?');
      if (mark !== -1) {
        query = checkQuery(spec.query, new URLSearchParams(url.slice(mark)), (errors ??= []));
      }
    }

    let idempotencyKey: string | undefined;
    if (spec.idempotent === true) {
      idempotencyKey = header(c, 'idempotency-key');
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
      const read = hasBody(c) ? await readBody(c) : noBody;
      switch (read.code) {
        case 'body_too_large':
        case 'unsupported_media_type':
          return problem(requestId, read.code);
        case 'invalid_json': {
          const named =
            read.field === undefined ? undefined : [{ field: read.field, message: 'is not JSON' }];
          return problem(requestId, 'invalid_json', { errors: named });
        }
        case 'empty':
          body = spec.body.required ? checkBody(spec.body, {}, (errors ??= [])) : noValues;
          break;
        case 'json':
          body = checkBody(spec.body, read.value, (errors ??= []));
          break;
        default:
          return assertNever(read);
      }
    }
    if (errors !== undefined && errors.length > 0) {
      return problem(requestId, 'invalid_request', { errors: bounded(errors) });
    }
    return spec.handle({ caller, requestId, path, query, body, idempotencyKey });
  }

  return async (c) => {
    const startedMs = recorder.begin();
    const requestId = pipeline.requestId(c);
    let response: Response;
    try {
      response = await serve(c, requestId);
    } catch (error) {
      response = failed(c, spec, requestId, log, error);
    }
    recorder.end(response.status, startedMs);
    return response;
  };
}
