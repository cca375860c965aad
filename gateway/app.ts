/** The HTTP application: the route table on Hono, and the answers for paths and methods it lacks. */
import { Hono } from 'hono';
import { createAuthenticator } from './auth.ts';
import type { AppDeps } from './deps.ts';
import { forwarderTo } from './forward.ts';
import type { GatewayContext, GatewayEnv } from './http.ts';
import { openApiDocument } from './openapi.ts';
import { problem } from './problems.ts';
import { requestIds } from './request-id.ts';
import { handlerOf, type Pipeline } from './pipeline.ts';
import type { Route } from './route.ts';
import { accountRoutes } from './routes/accounts.ts';
import { audienceRoutes } from './routes/audience.ts';
import { batchPageRoutes } from './routes/batch-pages.ts';
import { batchRoutes } from './routes/batches.ts';
import { claimRoutes } from './routes/claims.ts';
import { devRoutes } from './routes/dev.ts';
import { operatorRoutes } from './routes/operator.ts';
import { receiveRoutes } from './routes/receive.ts';
import { recordRoutes } from './routes/records.ts';
import { metricsRoute, serviceRoutes } from './routes/service.ts';
import { loggable } from './log-error.ts';

export type { AppDeps, AppOptions, Lifecycle, Log } from './deps.ts';
export type GatewayApp = Hono<GatewayEnv>;

/** The whole table; a route outside it does not exist. */
export function routeTable(deps: AppDeps): readonly Route[] {
  let text: string | undefined;
  const table: Route[] = [
    ...devRoutes(deps),
    ...operatorRoutes(deps),
    ...batchRoutes(deps),
    ...batchPageRoutes(deps),
    ...audienceRoutes(deps),
    ...claimRoutes(deps),
    ...accountRoutes(deps),
    ...recordRoutes(deps),
    ...receiveRoutes(),
    ...serviceRoutes(deps, () => {
      text ??= JSON.stringify(openApiDocument(table, deps.options.publicUrl));
      return text;
    }),
  ];
  return table;
}

function build(
  table: readonly Route[],
  deps: Pick<AppDeps, 'metrics' | 'log'>,
  pipeline: Pipeline,
): GatewayApp {
  const app: GatewayApp = new Hono<GatewayEnv>();
  for (const spec of table) {
    const recorder = deps.metrics.route(spec.method, spec.path);
    app.on(spec.method, spec.path, handlerOf(spec, pipeline, recorder));
  }
  const methods = [...new Set(table.map(({ method }) => method))];
  // Paths and methods outside the table share one row each: they are the client's to choose.
  const missing = deps.metrics.route('any', 'none');

  app.notFound((c: GatewayContext) => {
    const startedMs = missing.begin();
    const requestId = pipeline.requestId(c);
    const allowed: string[] = methods.filter(
      (method) => app.router.match(method, c.req.path)[0].length > 0,
    );
    if (allowed.includes('GET')) allowed.push('HEAD');
    const response =
      allowed.length === 0
        ? problem(requestId, 'route_not_found')
        : problem(requestId, 'method_not_allowed', { headers: { allow: allowed.join(', ') } });
    missing.end(response.status, startedMs);
    return response;
  });
  app.onError((error, c) => {
    const requestId = pipeline.requestId(c);
    deps.log.error({ requestId, ...loggable(error) }, 'a request failed outside its route');
    return problem(requestId, 'internal');
  });
  return app;
}

/** The application of API.md. Throws when the options contradict themselves. */
export function createApp(deps: AppDeps): GatewayApp {
  return build(routeTable(deps), deps, {
    auth: createAuthenticator(deps.options.auth, deps.clock),
    requestId: requestIds(deps.randomBytes),
    log: deps.log,
    forwarder: forwarderTo(deps.engine),
  });
}

/** `GET /metrics` alone, for a port of its own. */
export function createMetricsApp(
  deps: Pick<AppDeps, 'engine' | 'metrics' | 'threadMetrics' | 'log' | 'randomBytes'>,
): GatewayApp {
  return build([metricsRoute(deps)], deps, {
    auth: { known: () => undefined, verify: () => Promise.resolve({ code: 'missing' }) },
    requestId: requestIds(deps.randomBytes),
    log: deps.log,
  });
}
