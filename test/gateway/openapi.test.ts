import { expect, test } from 'vitest';
import { openApiPath } from '../../gateway/openapi.ts';
import { problemKinds } from '../../gateway/problems.ts';
import { harness } from './harness.ts';

interface Operation {
  readonly operationId: string;
  readonly tags: string[];
  readonly security: Record<string, string[]>[];
  readonly parameters?: { name?: string; in?: string; required?: boolean; $ref?: string }[];
  readonly requestBody?: { required: boolean; content: Record<string, { schema: object }> };
  readonly responses: Record<
    string,
    { description: string; headers: object; content: Record<string, object> }
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, object>>;
}

const { ask, app, routes } = harness();
const document = (await ask('GET', '/openapi.json')).json as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('says 3.1 and who it is', () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(document.info.title).not.toBe('');
  expect(document.info.version).toBe('1');
});

test('what is registered is described, and the other way round', () => {
  const registered = app.routes.map(({ method, path }) => `${method} ${openApiPath(path)}`);
  const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(described.toSorted()).toEqual(registered.toSorted());
  expect(described).toHaveLength(routes.length);
});

test('the routes of the contract', () => {
  const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  expect(described.toSorted()).toEqual(
    [
      'POST /v1/dev/tokens',
      'POST /v1/operator/deposits',
      'GET /v1/operator/audit',
      'POST /v1/batches',
      'POST /v1/batches/{id}/confirm',
      'GET /v1/batches/{id}',
      'GET /v1/batches/{id}/claims',
      'GET /v1/batches/{id}/qr.svg',
      'GET /v1/batches/{id}/qr.png',
      'POST /v1/batches/{id}/audience',
      'POST /v1/batches/{id}/share',
      'POST /v1/batches/{id}/claims',
      'POST /v1/batches/{id}/open',
      'GET /v1/accounts',
      'GET /v1/accounts/{asset}/entries',
      'GET /v1/me/sent',
      'GET /v1/me/received',
      'GET /v1/payment/registration',
      'PUT /v1/payment/registration',
      'GET /v1/withdrawals',
      'POST /v1/withdrawals',
      'GET /v1/withdrawals/{id}',
      'POST /v1/withdrawals/{id}/verification',
      'GET /v1/me',
      'PUT /v1/me',
      'GET /v1/contacts',
      'POST /v1/contacts',
      'POST /v1/contacts/{userId}/accept',
      'DELETE /v1/contacts/{userId}',
      'PUT /v1/contacts/{userId}/block',
      'DELETE /v1/contacts/{userId}/block',
      'GET /v1/groups',
      'POST /v1/groups',
      'GET /v1/groups/{id}',
      'POST /v1/groups/{id}/members',
      'DELETE /v1/groups/{id}/members',
      'POST /v1/messages',
      'GET /v1/conversations',
      'GET /v1/conversations/{id}/messages',
      'PUT /v1/conversations/{id}/read',
      'GET /v1/feed',
      'POST /v1/feed',
      'GET /v1/microblog',
      'POST /v1/microblog',
      'GET /v1/trade-groups',
      'POST /v1/trade-groups',
      'GET /v1/trade-groups/{id}',
      'GET /v1/trade-groups/{id}/messages',
      'DELETE /v1/trade-groups/{id}/members',
      'GET /v1/trade-groups/{id}/candidates',
      'POST /v1/trade-groups/{id}/invitations',
      'GET /v1/invitations',
      'POST /v1/invitations/{id}/accept',
      'POST /v1/invitations/{id}/decline',
      'GET /v1/trade-groups/{id}/join-requests',
      'POST /v1/trade-groups/{id}/join-requests',
      'POST /v1/trade-groups/{id}/join-requests/{requestId}/approve',
      'POST /v1/trade-groups/{id}/join-requests/{requestId}/decline',
      'GET /v1/trade-groups/{id}/settings',
      'PUT /v1/trade-groups/{id}/settings',
      'GET /v1/trade-platforms',
      'POST /v1/trade-platforms/{platform}/webhook',
      'GET /v1/trades/{id}/link',
      'GET /v1/contacts/{userId}/trades',
      'GET /v1/stream',
      'GET /r/{id}',
      'GET /livez',
      'GET /readyz',
      'GET /metrics',
      'GET /openapi.json',
    ].toSorted(),
  );
});

test('each operation is complete', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, operation } of operations) {
    expect(operation.operationId).toMatch(/^[A-Za-z0-9]+$/);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
    expect(inPath.map(({ name }) => name)).toEqual(named);
    expect(inPath.every(({ required }) => required === true)).toBe(true);
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(status).toMatch(/^[2-5]\d\d$/);
      expect(response.description).not.toBe('');
      const type = Object.keys(response.content)[0];
      if (Number(status) >= 400) expect(type).toBe('application/problem+json');
    }
    const secured = operation.security.length > 0;
    expect('401' in operation.responses).toBe(secured);
  }
});

test('all references lead somewhere', () => {
  const text = JSON.stringify(document);
  for (const [, reference] of text.matchAll(/"\$ref":"#([^"]+)"/g)) {
    const target = reference!
      .split('/')
      .slice(1)
      .reduce<unknown>(
        (node, step) => (node as Record<string, unknown> | undefined)?.[step],
        document,
      );
    expect(target, reference).toBeTypeOf('object');
  }
  expect(text).not.toContain('"$schema"');
});

test('bodies and answers have their limits', () => {
  const create = document.paths['/v1/batches']!['post']!;
  const schema = JSON.stringify(create.requestBody?.content['application/json']?.schema);
  expect(schema).toContain('"additionalProperties":false');
  expect(schema).toContain(`"maximum":${Number.MAX_SAFE_INTEGER}`);
  expect(schema).toContain('"default":86400');
  expect(document.paths['/v1/batches/{id}/claims']!['post']!.requestBody?.required).toBe(false);
  expect(create.parameters).toContainEqual({ $ref: '#/components/parameters/IdempotencyKey' });
});

test('limited routes tell of their headers, refused or not', () => {
  const limited = operations.filter(({ operation }) =>
    operation.responses['429']?.description.includes('`rate_limited`'),
  );
  expect(limited.map(({ operation }) => operation.operationId).toSorted()).toEqual([
    'postV1Batches',
    'postV1BatchesIdClaims',
    'postV1BatchesIdShare',
    'postV1Contacts',
    'postV1Feed',
    'postV1Messages',
    'postV1Microblog',
  ]);
  for (const { operation } of limited) {
    const [refused, done] = ['429', '201'].map((status) => operation.responses[status]);
    expect(Object.keys(refused!.headers)).toEqual(
      expect.arrayContaining(['Retry-After', 'RateLimit', 'RateLimit-Policy']),
    );
    expect(Object.keys(done!.headers)).toEqual(
      expect.arrayContaining(['RateLimit', 'RateLimit-Policy']),
    );
  }
});

test('every code of a route stands in its problems', () => {
  const codes = Object.keys(problemKinds);
  const text = JSON.stringify(document);
  const outside = [
    'bad_request',
    'request_timeout',
    'headers_too_large',
    'route_not_found',
    'method_not_allowed',
  ];
  for (const code of codes) if (!outside.includes(code)) expect(text).toContain(`"${code}"`);
});
