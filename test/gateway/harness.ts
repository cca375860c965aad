/** An app over the doubles, and short ways to talk to it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  createApp,
  routeTable,
  type AppDeps,
  type AppOptions,
  type GatewayApp,
} from '../../gateway/app.ts';
import { createTokenSigner } from '../../gateway/auth.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { problemCodes } from '../../gateway/openapi.ts';
import type { ProblemCode } from '../../gateway/problems.ts';
import type { Route } from '../../gateway/route.ts';
import { problem as problemSchema } from '../../gateway/schemas/answers.ts';
import { systemClock } from '../../engine/adapters/clock.ts';
import { FakePushes } from '../../engine/push/fake.ts';
import type { Payments } from '../../engine/payment/port.ts';
import type { Social } from '../../engine/social/port.ts';
import type { TradePlatforms } from '../../engine/trade-http/platforms.ts';
import type { StreamSettings } from '../../gateway/stream/settings.ts';
import { Streams } from '../../gateway/stream/streams.ts';
import { noSocial, noTradeGroups, noTradeIntake, World } from './doubles.ts';

export const secret = 'a secret of the tests, long enough for HS256';
export const audience = 'hongbao';

export interface Said {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the documented shape is checked in ask()
  readonly json: any;
}

export interface Ask {
  readonly as?: string | undefined;
  readonly scopes?: readonly string[];
  readonly body?: unknown;
  /** Sent as it is, with `contentType`. */
  readonly raw?: string | Uint8Array<ArrayBuffer> | ReadableStream;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Harness {
  readonly world: World;
  readonly pushes: FakePushes;
  readonly streams: Streams;
  readonly app: GatewayApp;
  readonly deps: AppDeps;
  readonly routes: readonly Route[];
  readonly logged: { fields: Readonly<Record<string, unknown>>; message: string }[];
  readonly token: (userId: string, scopes?: readonly string[]) => Promise<string>;
  readonly ask: (method: string, path: string, ask?: Ask) => Promise<Said>;
  /** Creates, funds, confirms and opens a batch to `receivers`; gives its id and key. */
  readonly activeBatch: (
    senderId: string,
    receivers?: readonly string[],
  ) => Promise<{ id: string; key: string }>;
}

/** @param social the real one for tests of its routes; a fake would only repeat it */
export function harness(
  options: Partial<AppOptions> = {},
  social: Social = noSocial,
  {
    pushes = new FakePushes(),
    settings = {} as Partial<StreamSettings>,
    payments = undefined as Payments | undefined,
    tradeGroups = noTradeGroups,
    tradeIntake = noTradeIntake,
    platforms = undefined as TradePlatforms | undefined,
  } = {},
): Harness {
  const world = new World();
  const clock = { ...systemClock, now: () => world.now, monotonic: () => world.now };
  const logged: Harness['logged'] = [];
  const log: AppDeps['log'] = { error: (fields, message) => void logged.push({ fields, message }) };
  const metrics = createMetrics({ process: false });
  const { registry } = metrics;
  const streams = new Streams({ pushes, clock, log, registry, settings });
  const deps: AppDeps = {
    engine: world.engine,
    books: world.books,
    social,
    payments,
    tradeGroups,
    tradeIntake,
    platforms,
    streams,
    clock,
    randomBytes,
    pendingEvents: () => world.engine.pendingEvents(),
    metrics,
    lifecycle: { draining: false },
    log,
    options: {
      publicUrl: 'https://packets.example',
      auth: { audience, secret },
      devLogin: true,
      shareThreshold: 20_000,
      metricsOnSeparatePort: false,
      ...options,
    },
  };
  const app = createApp(deps);
  const routes = routeTable(deps);
  const sign = createTokenSigner({ audience, secret }, clock);
  const token: Harness['token'] = (userId, scopes = []) => sign({ userId, scopes });

  const ask: Harness['ask'] = async (method, path, given = {}) => {
    const headers = new Headers(given.headers);
    if (given.as !== undefined) {
      headers.set('authorization', `Bearer ${await token(given.as, given.scopes)}`);
    }
    const init: RequestInit = { method, headers };
    if (given.raw !== undefined) init.body = given.raw;
    else if (given.body !== undefined) init.body = JSON.stringify(given.body);
    if (init.body !== undefined)
      headers.set('content-type', given.contentType ?? 'application/json');
    if (given.raw instanceof ReadableStream) Object.assign(init, { duplex: 'half' });
    const response = await app.request(path, init);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const json: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
    const spec = specOf(routes, method, path);
    if (spec !== undefined) assertDocumented(spec, response, json);
    return { status: response.status, headers: response.headers, text, json };
  };

  const activeBatch: Harness['activeBatch'] = async (senderId, receivers = []) => {
    world.credit(senderId, 'CNY', 1_000);
    const body = { mode: 'lucky', count: 3, total: 500 };
    const { id } = (await ask('POST', '/v1/batches', { as: senderId, body })).json;
    if (receivers.length > 0) {
      const listed = { channel: 'im', receivers };
      await ask('POST', `/v1/batches/${id}/audience`, { as: senderId, body: listed });
    }
    const confirmed = await ask('POST', `/v1/batches/${id}/confirm`, { as: senderId });
    const key = new URL(confirmed.json.link).searchParams.get('k')!;
    return { id, key };
  };

  return { world, pushes, streams, app, deps, routes, logged, token, ask, activeBatch };
}

/** The table's entry for a concrete path. */
export function specOf(routes: readonly Route[], method: string, path: string): Route | undefined {
  const [pathname] = path.split('?');
  const fits = (pattern: string): boolean =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`).test(pathname!);
  return routes.find((spec) => spec.method === method && fits(spec.path));
}

/** Every answer of every test is held against what OpenAPI says of its route. */
export function assertDocumented(spec: Route, response: Response, json: unknown): void {
  const { status, headers } = response;
  const where = `${spec.method} ${spec.path} ${status} ${JSON.stringify(json)}`;
  assert.equal(headers.get('x-content-type-options'), 'nosniff', where);
  assert.match(headers.get('x-request-id') ?? '', /^[A-Za-z0-9._~:-]{1,64}$/, where);
  if (status < 400) {
    const answer = spec.answers[status];
    assert.ok(answer, `not documented: ${where}`);
    const type = answer.contentType ?? 'application/json';
    assert.equal(headers.get('content-type')?.split(';')[0], type, where);
    if (answer.schema !== undefined) answer.schema.parse(json);
    return;
  }
  assert.equal(headers.get('content-type'), 'application/problem+json', where);
  const said = problemSchema.parse(json);
  assert.equal(said.status, status, where);
  assert.equal(said.requestId, headers.get('x-request-id'), where);
  assert.ok(problemCodes(spec).includes(said.code as ProblemCode), `not documented: ${where}`);
}

/** The names of the fields a 400 complains about, sorted. */
export function fieldsOf(said: Said): string[] {
  return (said.json.errors ?? []).map(({ field }: { field: string }) => field).toSorted();
}
