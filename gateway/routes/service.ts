/** Probes, metrics and the API's own description; none needs a token. */
import { pingTimeoutMs } from '../../engine/limits.ts';
import type { AppDeps } from '../deps.ts';
import { answerText, page, type Answer } from '../answer.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import { loggable } from '../log.ts';

const tag = 'Service';

/** One question at a time, however often a probe comes: a server that hangs must not use up the connections. */
function postgresProbe({ books }: Pick<AppDeps, 'books'>): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  return () => {
    asking ??= books
      .ping()
      .catch(() => false)
      .finally(() => {
        asking = undefined;
      });
    const mine = asking;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), pingTimeoutMs);
      void mine.then((answers) => {
        clearTimeout(timer);
        resolve(answers);
      });
    });
  };
}

function probes({ engine, books, lifecycle }: AppDeps): Route[] {
  const postgresAnswers = postgresProbe({ books });
  const livez = route({
    method: 'GET',
    path: '/livez',
    tag,
    summary: 'The process answers',
    auth: 'none',
    answers: { 200: { description: 'Alive.', schema: answers.state } },
    problems: [],
    handle: ({ requestId }) => page(requestId, { status: 'live' }),
  });

  const readyz = route({
    method: 'GET',
    path: '/readyz',
    tag,
    summary:
      'Claims can be acknowledged: all shards are served, the journal answers and has room, the node is not draining',
    auth: 'none',
    answers: {
      200: {
        description:
          'Ready; `degraded` while Postgres is away: batches in memory are served from the journal, the rest gets 503.',
        schema: answers.readiness,
      },
    },
    problems: ['not_ready'],
    async handle({ requestId }) {
      const refuse = (detail: string | undefined): Answer =>
        problem(requestId, 'not_ready', { detail, retryAfterSeconds: 1 });
      if (lifecycle.draining) return refuse('The node is shutting down.');
      const status = engine.status();
      if (!status.ready) return refuse(status.reason);
      // Not 503: taking the node out of service would end what the journal rides out.
      return (await postgresAnswers())
        ? page(requestId, { status: 'ready' })
        : page(requestId, { status: 'degraded', reason: 'postgres_unreachable' });
    },
  });
  return [livez, readyz];
}

/** `GET /metrics`; the gateway's own ones are given even when the threads do not answer. */
export function metricsRoute(
  deps: Pick<AppDeps, 'engine' | 'metrics' | 'threadMetrics' | 'log'>,
): Route {
  const { engine, metrics, log, threadMetrics = () => engine.metrics() } = deps;
  return route({
    method: 'GET',
    path: '/metrics',
    tag,
    summary: 'Prometheus metrics of all threads',
    auth: 'none',
    answers: { 200: { description: 'Prometheus text format.', contentType: 'text/plain' } },
    problems: [],
    async handle({ requestId }) {
      let threads: readonly (object | undefined)[] = [];
      try {
        threads = await threadMetrics();
      } catch (error) {
        log.error({ requestId, ...loggable(error) }, 'the threads gave no metrics');
      }
      const headers = {
        'content-type': metrics.contentType,
        'x-request-id': requestId,
        'cache-control': 'no-store',
      };
      const body = await metrics.exposition(threads.filter((thread) => thread !== undefined));
      return { status: 200, headers, body };
    },
  });
}

/** `document` gives the OpenAPI text; it is made once, of the finished table. */
export function serviceRoutes(deps: AppDeps, document: () => string): Route[] {
  const openapi = route({
    method: 'GET',
    path: '/openapi.json',
    tag,
    summary: 'This description, OpenAPI 3.1',
    auth: 'none',
    answers: { 200: { description: 'The document.' } },
    problems: [],
    handle: ({ requestId }) => answerText(requestId, 200, document()),
  });
  const metrics = deps.options.metricsOnSeparatePort ? [] : [metricsRoute(deps)];
  return [...probes(deps), ...metrics, openapi];
}
