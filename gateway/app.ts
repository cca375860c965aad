/** The HTTP application: the route table on Hono, and the answers for paths and methods it lacks. */
import { ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { type Answer, toResponse, writeTo } from './answer.ts';
import { createAuthenticator } from './auth.ts';
import type { AppDeps } from './deps.ts';
import { forwarderTo } from './forward.ts';
import { type Direct, DirectRoutes } from './direct.ts';
import { type GatewayContext, type GatewayEnv, honoIncoming } from './incoming.ts';
import { openApiDocument } from './openapi.ts';
import { problem } from './problems.ts';
import { messageQuota } from './rate-limit.ts';
import { requestIds } from './request-id.ts';
import { handlerOf, type Pipeline } from './pipeline.ts';
import type { Route } from './route.ts';
import { accountRoutes } from './routes/accounts.ts';
import { audienceRoutes } from './routes/audience.ts';
import { batchPageRoutes } from './routes/batch-pages.ts';
import { batchRoutes } from './routes/batches.ts';
import { claimRoutes } from './routes/claims.ts';
import { contactRoutes } from './routes/contacts.ts';
import { conversationRoutes } from './routes/conversations.ts';
import { devRoutes } from './routes/dev.ts';
import { groupRoutes } from './routes/groups.ts';
import { operatorRoutes } from './routes/operator.ts';
import { paymentRoutes } from './routes/payment.ts';
import { postRoutes } from './routes/posts.ts';
import { profileRoutes } from './routes/profile.ts';
import { receiveRoutes } from './routes/receive.ts';
import { recordRoutes } from './routes/records.ts';
import { shareRoutes } from './routes/share.ts';
import { tradeGroupRoutes } from './routes/trade-groups.ts';
import { tradeInvitationRoutes } from './routes/trade-invitations.ts';
import { tradeJoinRequestRoutes } from './routes/trade-join-requests.ts';
import { tradeSettingsRoutes } from './routes/trade-settings.ts';
import { tradeWebhookRoutes } from './routes/trade-webhook.ts';
import { tradeRoutes } from './routes/trades.ts';
import { withdrawalRoutes } from './routes/withdrawals.ts';
import { metricsRoute, serviceRoutes } from './routes/service.ts';
import { streamRoutes } from './routes/stream.ts';
import { loggable } from './log.ts';

export type { AppDeps, AppOptions, Lifecycle } from './deps.ts';

export interface GatewayApp extends Pick<Hono<GatewayEnv>, 'fetch' | 'request' | 'routes'> {
  /** Asked first by the server; what it does not take goes to `fetch`. */
  readonly direct: Direct;
}

/** The whole table; a route outside it does not exist. */
export function routeTable(deps: AppDeps): readonly Route[] {
  let text: string | undefined;
  const messages = messageQuota(deps);
  const table: Route[] = [
    ...devRoutes(deps),
    ...operatorRoutes(deps),
    ...batchRoutes(deps),
    ...batchPageRoutes(deps),
    ...audienceRoutes(deps),
    ...shareRoutes(deps, messages),
    ...claimRoutes(deps),
    ...accountRoutes(deps),
    ...recordRoutes(deps),
    ...paymentRoutes(deps),
    ...withdrawalRoutes(deps),
    ...profileRoutes(deps),
    ...contactRoutes(deps, messages),
    ...groupRoutes(deps),
    ...conversationRoutes(deps, messages),
    ...postRoutes(deps, messages),
    ...tradeGroupRoutes(deps),
    ...tradeInvitationRoutes(deps),
    ...tradeJoinRequestRoutes(deps),
    ...tradeSettingsRoutes(deps),
    ...tradeWebhookRoutes(deps),
    ...tradeRoutes(deps),
    ...streamRoutes(deps),
    ...receiveRoutes(),
    ...serviceRoutes(deps, () => {
      text ??= JSON.stringify(openApiDocument(table, deps.options.publicUrl));
      return text;
    }),
  ];
  return table;
}

/** An answer that goes on does so on node's response, where there is one. */
function throughHono(c: GatewayContext, answer: Answer): Response {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  const outgoing = bindings?.outgoing;
  if (answer.goesOn === undefined || !(outgoing instanceof ServerResponse))
    return toResponse(answer);
  if (c.req.method !== 'GET') return toResponse(answer);
  writeTo(outgoing, answer);
  return RESPONSE_ALREADY_SENT;
}

function build(
  table: readonly Route[],
  deps: Pick<AppDeps, 'metrics' | 'log'>,
  pipeline: Pipeline,
): GatewayApp {
  const app = new Hono<GatewayEnv>();
  const direct = new DirectRoutes((error) =>
    deps.log.error(loggable(error), 'a request failed outside its route'),
  );
  for (const spec of table) {
    const recorder = deps.metrics.route(spec.method, spec.path);
    const handler = handlerOf(spec, pipeline, recorder);
    app.on(spec.method, spec.path, async (c) => throughHono(c, await handler(honoIncoming(c))));
    if (spec.direct === true) direct.add(spec.method, spec.path, handler);
  }
  const methods = [...new Set(table.map(({ method }) => method))];
  // Paths and methods outside the table share one row each: they are the client's to choose.
  const missing = deps.metrics.route('any', 'none');

  app.notFound((c: GatewayContext) => {
    const startedMs = missing.begin();
    const requestId = pipeline.requestId(honoIncoming(c));
    const allowed: string[] = methods.filter(
      (method) => app.router.match(method, c.req.path)[0].length > 0,
    );
    if (allowed.includes('GET')) allowed.push('HEAD');
    const answer =
      allowed.length === 0
        ? problem(requestId, 'route_not_found')
        : problem(requestId, 'method_not_allowed', { headers: { allow: allowed.join(', ') } });
    missing.end(answer.status, startedMs);
    return toResponse(answer);
  });
  app.onError((error, c) => {
    const requestId = pipeline.requestId(honoIncoming(c));
    deps.log.error({ requestId, ...loggable(error) }, 'a request failed outside its route');
    return toResponse(problem(requestId, 'internal'));
  });
  return { fetch: app.fetch, request: app.request, routes: app.routes, direct: direct.take };
}

/** The application of API.md. Throws when the options contradict themselves. */
export function createApp(deps: AppDeps, table = routeTable(deps)): GatewayApp {
  return build(table, deps, {
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
    auth: { known: () => undefined, verify: () => ({ code: 'missing' }) },
    requestId: requestIds(deps.randomBytes),
    log: deps.log,
  });
}
