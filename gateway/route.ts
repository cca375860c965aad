/** The route table's one entry type: what registers a route also describes it in OpenAPI. */
import type { z } from 'zod';
import type { Answer } from './answer.ts';
import type { Caller } from './auth.ts';
import type { ProblemCode } from './problems.ts';
import type { BodySpec, Parameters } from './validate.ts';

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
  /** By the names of `RouteSpec.headers`. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: B;
  /** Of `RouteSpec.rawBody`; empty when nothing came. */
  readonly rawBody: Uint8Array;
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
  /** Markdown, where a line does not tell all. */
  readonly description?: string;
  /** `optional`: nobody, or whose token comes with it. */
  readonly auth: 'none' | 'optional' | 'user' | 'operator';
  readonly params?: P;
  /** The answer when a path parameter cannot exist; otherwise it is named in a 400. */
  readonly pathRefusal?: ProblemCode;
  readonly query?: Q;
  /** Headers of its own, by their usual spelling; an empty one counts as not given. */
  readonly headers?: Parameters;
  readonly body?: BodySpec<B>;
  /** Instead of `body`: its bytes as they came, of whatever type. */
  readonly rawBody?: { readonly bytesMax: number; readonly description: string };
  /** What is sent is kept nowhere in memory once it is answered. */
  readonly confidential?: boolean;
  /** Only the node that holds the shard of the batch `id` can answer; `refusals`: others can, but a 403 is for it to say. */
  readonly atOwner?: true | 'refusals';
  /** Served on node's own request and response (direct.ts), because it is asked very often. */
  readonly direct?: boolean;
  /** Answers in time by itself, or may take long; others get 503 `unknown` after limits.requestTimeoutMs. */
  readonly ownDeadline?: boolean;
  /** Reads `Idempotency-Key`. */
  readonly idempotent?: boolean;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Codes of its own, beside those that follow from the fields above. */
  readonly problems: readonly ProblemCode[];
  readonly handle: (call: Call<P, Q, B>) => Answer | Promise<Answer>;
}

/** An entry whose parameter types are no longer told apart. */
export type Route = RouteSpec<Parameters, Parameters, unknown>;

/** Types one entry by its own schemas. */
export function route<P extends Parameters = {}, Q extends Parameters = {}, B = undefined>(
  spec: RouteSpec<P, Q, B>,
): Route {
  return spec as unknown as Route;
}
