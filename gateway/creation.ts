/** Entries that create something: `POST`, once under the caller's `Idempotency-Key`, in one transaction. */
import type { Engine } from '../engine/api.ts';
import type { Books, Tx } from '../engine/books/types.ts';
import type { Answer } from './answer.ts';
import { createOnce, tagOf, type Made } from './idempotency.ts';
import type { Lanes } from './lanes.ts';
import { problem, type ProblemCode } from './problems.ts';
import { overQuota, quotaHeaders } from './rate-limit.ts';
import type { RollingQuota } from './rolling-quota.ts';
import { route, type AnswerSpec, type Call, type Route } from './route.ts';
import { unsettled } from './settled.ts';
import * as fields from './schemas/fields.ts';
import type { BodySpec, Parameters } from './validate.ts';

interface Creation<P extends Parameters, B> {
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** `user` unless said otherwise. */
  readonly auth?: 'operator';
  readonly params?: P;
  readonly pathRefusal?: ProblemCode;
  readonly body: BodySpec<B>;
  /** Of the 201. */
  readonly answer: AnswerSpec;
  /** Codes of its own, beside those that every creation has. */
  readonly problems: readonly ProblemCode[];
  /** How often a user may; replays are not counted. */
  readonly quota?: RollingQuota | undefined;
  /** Creations of the same name wait for each other; too many are refused as `overloaded`. */
  readonly lane?: {
    readonly lanes: Lanes;
    readonly nameOf: (call: Call<P, {}, B>) => string;
  };
  /**
   * A refusal that may come of money which the caller was told of and the books do not have yet: they are waited for,
   * then it is tried once more. The route takes `after`.
   */
  readonly lagging?: { readonly engine: Pick<Engine, 'caughtUp'>; readonly refusal: ProblemCode };
  /** Not asked for a replay. May run again after a conflict, so it has no other effect than its SQL. */
  create(tx: Tx, call: Call<P, {}, B>): Promise<Made>;
}

/** The path as it was asked for: the same key under another id is another request. */
function concrete(pattern: string, values: Readonly<Record<string, string>>): string {
  return pattern.replaceAll(/:(\w+)/g, (_all, name: string) => values[name] ?? '');
}

/** @param port whose transaction it is: that of the money, or that of the base server */
export function creation<P extends Parameters = {}, B = undefined>(
  port: Pick<Books, 'once'>,
  spec: Creation<P, B>,
): Route {
  const { path, tag, summary, auth = 'user', params, pathRefusal, body, answer } = spec;
  const { quota, lane, lagging } = spec;
  const query: Parameters = lagging === undefined ? {} : { after: fields.after };
  return route<P, Parameters, B>({
    method: 'POST',
    path,
    tag,
    summary,
    auth,
    idempotent: true,
    ...(params !== undefined && { params }),
    ...(pathRefusal !== undefined && { pathRefusal }),
    query,
    body,
    answers: { 201: answer },
    problems: [
      ...spec.problems,
      ...(lagging === undefined ? [] : (['not_settled_yet'] as const)),
      'idempotency_key_reused',
      'idempotency_in_progress',
      'unknown',
    ] as const,
    handle(call) {
      const { userId } = call.caller;
      const request = {
        userId,
        requestId: call.requestId,
        scope: `POST ${concrete(path, call.path)}`,
        tag: tagOf(call.idempotencyKey, call.body),
      };
      const what = call.idempotencyKey ?? Symbol('one request, however often its transaction runs');
      let refused: ProblemCode | undefined;
      const create = () =>
        createOnce(port, request, async (tx) => {
          refused = undefined;
          const standing = quota?.take(userId, what);
          if (standing?.allowed === false) {
            return { refusal: { code: 'rate_limited', extras: overQuota(standing) } };
          }
          const made = await spec.create(tx, call);
          if ('refusal' in made) refused = made.refusal.code;
          return standing === undefined ? made : { headers: quotaHeaders(standing), ...made };
        });
      const run = async () => {
        const answer = await create();
        if (lagging === undefined || refused !== lagging.refusal) return answer;
        const after = call.query['after'] as string | undefined;
        return (await unsettled(lagging.engine, call.requestId, { userId, after })) ?? create();
      };
      if (lane === undefined) return run();
      return inLane(lane.lanes, lane.nameOf(call), call.requestId, run);
    },
  });
}

async function inLane(
  lanes: Lanes,
  name: string,
  requestId: string,
  run: () => Promise<Answer>,
): Promise<Answer> {
  const answer = await lanes.run(name, run);
  return answer ?? problem(requestId, 'overloaded', { retryAfterSeconds: 1 });
}
