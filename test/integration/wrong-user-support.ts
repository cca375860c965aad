/**
 * Calls every route of an OpenAPI document that names an object, as somebody who has nothing to do with that object, and
 * tells what was answered or changed that should not have been. It is given its samples, and misses those it lacks.
 */
import { Client } from 'pg';
import type { Route } from '../../gateway/route.ts';
import { assertDocumented, specOf } from '../gateway/harness.ts';
import { contentOf, differing, type OwnRows } from './table-content.ts';

interface Operation {
  readonly operationId: string;
  readonly security: Record<string, string[]>[];
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
}

/** The server that is asked; `fetch` takes paths. */
export interface Target {
  readonly routes: readonly Route[];
  readonly databaseUrl: string;
  fetch(path: string, init: RequestInit): Promise<Response>;
}

export interface Said {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- any JSON; `call` holds it against its schema
  readonly json: any;
}
export type Call = (
  userId: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Said>;

/** A request that `entitled` may make and `wrong` may not. */
export interface Sample {
  /** By the names of the path's parameters. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: unknown;
  /** Proves that the request is valid and its object there. */
  readonly entitled: string;
  /** Where being entitled is something that one knows. */
  readonly entitledBody?: unknown;
  /** … or can sign. */
  readonly entitledHeaders?: Readonly<Record<string, string>>;
  readonly wrong?: string;
  /** A deliberate other answer than 403 or 404. */
  readonly exception?: {
    readonly why: string;
    readonly status: number;
    /** All that it may say; left out: it is compared by the test itself. */
    readonly body?: object;
    readonly own?: OwnRows;
  };
}
export type Samples = Readonly<Record<string, readonly Sample[]>>;

/** Users of the development login, with the scope of operators where the name is theirs. */
export function callerOf(target: Target): Call {
  const tokens = new Map<string, string>();
  let keys = 0;
  const send: Call = async (token, method, path, body, more) => {
    const headers: Record<string, string> = { ...more };
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    // Refusals are not kept under keys.
    if (method === 'POST') headers['idempotency-key'] = `key-${(keys += 1)}`;
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await target.fetch(path, { method, headers, redirect: 'manual', ...init });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const json: unknown = isJson ? JSON.parse(text) : undefined;
    const spec = specOf(target.routes, method, path);
    if (spec !== undefined) assertDocumented(spec, response, json);
    return { status: response.status, json };
  };
  return async (userId, method, path, body, more) => {
    if (userId === undefined) return send(undefined, method, path, body, more);
    let token = tokens.get(userId);
    if (token === undefined) {
      const scopes = userId === 'operator' ? ['operator'] : [];
      token = (await send(undefined, 'POST', '/v1/dev/tokens', { userId, scopes })).json
        .token as string;
      tokens.set(userId, token);
    }
    return send(token, method, path, body, more);
  };
}

interface Named {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const filled = (path: string, values: Readonly<Record<string, string>>): string =>
  path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(values[name] ?? '1'));

async function documented(call: Call): Promise<Named[]> {
  const document = (await call(undefined, 'GET', '/openapi.json')).json as Document;
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

const isOptional = ({ security }: Operation): boolean =>
  security.some((one) => Object.keys(one).length === 0);

const forOperators = ({ operation }: Named): boolean =>
  operation.security.some(({ bearer }) => bearer?.includes('operator') === true);

/** What a wrong user, nobody, and a user without the scope can do that they should not. Empty when all is well. */
export async function findings(
  target: Target,
  call: Call,
  samples: Samples,
  withoutToken: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  const operations = await documented(call);
  const known = new Set(operations.map(({ operation }) => operation.operationId));
  for (const id of [...Object.keys(samples), ...withoutToken]) {
    if (!known.has(id)) found.push(`${id}: is no operation any more`);
  }
  const database = new Client({ connectionString: target.databaseUrl });
  await database.connect();
  try {
    for (const named of operations) {
      const { method, path, operation } = named;
      const id = operation.operationId;
      const mine = samples[id] ?? [];
      const tell = (what: string) => found.push(`${id}: ${what}`);
      const needsSample = path.includes('{') || forOperators(named);
      if (needsSample && mine.length === 0) tell('has no sample');
      if (path.startsWith('/v1/operator/') !== forOperators(named)) tell('scope and path differ');

      if (!operation.security.some((one) => 'bearer' in one) || isOptional(operation)) {
        if (!withoutToken.includes(id)) tell('asks for no token');
      } else {
        const before = await contentOf(database);
        const { status } = await call(undefined, method, filled(path, mine[0]?.path ?? {}));
        if (status !== 401) tell(`answers nobody with ${status}`);
        for (const name of differing(before, await contentOf(database))) {
          tell(`nobody changes ${name}`);
        }
      }

      for (const sample of mine) {
        const { wrong: userId = 'mallory', exception, query = '' } = sample;
        const where = `${filled(path, sample.path ?? {})}${query}`;
        const except = exception?.own && { ...exception.own, userId };
        const before = await contentOf(database, except);
        const said = await call(userId, method, where, sample.body);
        const expected = exception === undefined ? [403, 404] : [exception.status];
        if (!expected.includes(said.status)) tell(`answers ${userId} with ${said.status}`);
        if (
          exception?.body !== undefined &&
          JSON.stringify(said.json) !== JSON.stringify(exception.body)
        ) {
          tell(`tells ${userId} ${JSON.stringify(said.json)}`);
        }
        for (const name of differing(before, await contentOf(database, except))) {
          tell(`${userId} changes ${name}`);
        }
      }
    }
  } finally {
    await database.end();
  }
  return found;
}

/** The samples as their entitled users make them; what is not answered with success proves nothing. */
export async function unproven(call: Call, samples: Samples): Promise<string[]> {
  const found: string[] = [];
  const operations = await documented(call);
  for (const [id, list] of Object.entries(samples)) {
    const named = operations.find(({ operation }) => operation.operationId === id);
    if (named === undefined) continue;
    for (const { entitled, path = {}, query = '', body, ...of } of list) {
      const { status, json } = await call(
        entitled,
        named.method,
        `${filled(named.path, path)}${query}`,
        of.entitledBody ?? body,
        of.entitledHeaders,
      );
      if (status >= 400) found.push(`${id}: ${entitled} gets ${status} ${json?.code ?? ''}`);
    }
  }
  return found;
}
