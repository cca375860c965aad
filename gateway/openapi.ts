/** The OpenAPI 3.1 document, made from the route table and the schemas that run. */
import { z } from 'zod';
import { problemKinds, problemType, type ProblemCode } from './problems.ts';
import type { Route } from './route.ts';
import * as answers from './schemas/answers.ts';
import type { Parameters } from './validate.ts';

type Json = Record<string, unknown>;

/** A schema as JSON Schema 2020-12, which is what OpenAPI 3.1 speaks. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const made: Json = { ...z.toJSONSchema(schema, { io }) };
  delete made['$schema'];
  return made;
}

/** Hono's `/a/:b` as OpenAPI's `/a/{b}`. */
export const openApiPath = (pattern: string): string => pattern.replaceAll(/:(\w+)/g, '{$1}');

function parameters(of: Parameters | undefined, where: 'path' | 'query' | 'header'): Json[] {
  return Object.entries(of ?? {}).map(([name, schema]) => {
    const { description, ...shape } = jsonSchema(schema, 'input');
    return { name, in: where, required: where === 'path', description, schema: shape };
  });
}

const idempotencyKey: Json = { $ref: '#/components/parameters/IdempotencyKey' };

/** The codes of an entry: its own, and those that its other fields bring along. */
export function problemCodes(spec: Route): ProblemCode[] {
  const codes = new Set<ProblemCode>(spec.problems);
  if (spec.pathRefusal !== undefined) codes.add(spec.pathRefusal);
  if (spec.auth !== 'none') codes.add('unauthenticated').add('auth_unavailable');
  if (spec.auth === 'operator') codes.add('forbidden');
  const pathNamed = spec.params !== undefined && spec.pathRefusal === undefined;
  if (
    pathNamed ||
    spec.query !== undefined ||
    spec.headers !== undefined ||
    spec.body !== undefined ||
    spec.idempotent === true
  ) {
    codes.add('invalid_request');
  }
  if (spec.rawBody !== undefined) codes.add('body_too_large');
  if (spec.body !== undefined) {
    codes.add('invalid_json').add('body_too_large').add('unsupported_media_type');
  }
  return [...codes.add('internal')];
}

/** What a limited route tells of its limit. */
function limitHeaders(spec: Route): Json {
  if (!spec.problems.includes('rate_limited')) return {};
  return {
    RateLimit: { $ref: '#/components/headers/RateLimit' },
    'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
  };
}

function problemAnswers(spec: Route): Record<string, Json> {
  const byStatus = Map.groupBy(problemCodes(spec), (code) => problemKinds[code].status);
  const found: Record<string, Json> = {};
  for (const [status, codes] of byStatus) {
    const lines = codes.map((code) => `- \`${code}\`: ${problemKinds[code].detail}`);
    const schema = {
      allOf: [
        { $ref: '#/components/schemas/Problem' },
        { properties: { code: { enum: codes }, type: { enum: codes.map(problemType) } } },
      ],
    };
    found[status] = {
      description: lines.join('\n'),
      headers: {
        'X-Request-Id': { $ref: '#/components/headers/RequestId' },
        ...((status === 429 || status === 503) && {
          'Retry-After': { $ref: '#/components/headers/RetryAfter' },
        }),
        ...(status === 429 && limitHeaders(spec)),
        ...(status === 401 && { 'WWW-Authenticate': { schema: { type: 'string' } } }),
      },
      content: { 'application/problem+json': { schema } },
    };
  }
  return found;
}

function goodAnswers(spec: Route): Record<string, Json> {
  const found: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(spec.answers)) {
    const schema = answer.schema === undefined ? {} : jsonSchema(answer.schema, 'output');
    found[status] = {
      description: answer.description,
      headers: {
        'X-Request-Id': { $ref: '#/components/headers/RequestId' },
        ...limitHeaders(spec),
        ...(spec.idempotent === true &&
          status === '201' && {
            'Idempotency-Replayed': { $ref: '#/components/headers/IdempotencyReplayed' },
          }),
      },
      content: { [answer.contentType ?? 'application/json']: { schema } },
    };
  }
  return found;
}

function operation(spec: Route): Json {
  const listed = [
    ...parameters(spec.params, 'path'),
    ...parameters(spec.query, 'query'),
    ...parameters(spec.headers, 'header'),
  ];
  if (spec.idempotent === true) listed.push(idempotencyKey);
  const security = {
    none: [],
    optional: [{}, { bearer: [] }],
    user: [{ bearer: [] }],
    operator: [{ bearer: ['operator'] }],
  };
  const shown: Json = {
    operationId: `${spec.method.toLowerCase()}${spec.path.replaceAll(/[^A-Za-z0-9]+(\w)?/g, (_all, next: string | undefined) => (next ?? '').toUpperCase())}`,
    tags: [spec.tag],
    summary: spec.summary,
    description: spec.description,
    security: security[spec.auth],
    responses: { ...goodAnswers(spec), ...problemAnswers(spec) },
  };
  if (listed.length > 0) shown['parameters'] = listed;
  if (spec.body !== undefined) {
    const schema = jsonSchema(spec.body.schema, 'input');
    const content = { 'application/json': { schema } };
    shown['requestBody'] = { required: spec.body.required, content };
  }
  if (spec.rawBody !== undefined) {
    const { description } = spec.rawBody;
    shown['requestBody'] = { required: true, description, content: { '*/*': { schema: {} } } };
  }
  return shown;
}

const components: Json = {
  securitySchemes: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description:
        'JWT with `sub` (user id), `aud` and `exp`; scope `operator` (in `scope` or `scopes`) for operator routes.',
    },
  },
  parameters: {
    IdempotencyKey: {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description:
        'Same key and body: the same answer. Per user, kept at least 24 h. On claims it belongs to the batch and ' +
        'to the claim that it created, for as long as the batch is kept; ?open=true with it later opens that packet.',
      schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
    },
  },
  headers: {
    RequestId: { description: 'Names the request in logs.', schema: { type: 'string' } },
    RetryAfter: { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } },
    RateLimit: {
      description:
        'Where a limit is set: its name, what is left (`r`) and the seconds until one more is (`t`). (IETF draft ratelimit-headers)',
      schema: { type: 'string', example: '"claims";r=9;t=60' },
    },
    RateLimitPolicy: {
      description: 'Where a limit is set: its name, quota (`q`) and window in seconds (`w`).',
      schema: { type: 'string', example: '"claims";q=10;w=60' },
    },
    IdempotencyReplayed: {
      description: '`true` when this answer was given before.',
      schema: { type: 'string', const: 'true' },
    },
  },
};

/** The document as an object; `publicUrl` becomes its server. */
export function openApiDocument(routes: readonly Route[], publicUrl: string): Json {
  const paths: Record<string, Json> = {};
  for (const spec of routes) {
    (paths[openApiPath(spec.path)] ??= {})[spec.method.toLowerCase()] = operation(spec);
  }
  const tags = [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name }));
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Red-packet engine',
      version: '1',
      description:
        'Amounts are integers in the minor unit of the asset, times RFC 3339 UTC. A 503 or a broken connection means "unknown": the same request again is always safe.',
    },
    servers: [{ url: publicUrl }],
    tags,
    paths,
    components: { ...components, schemas: { Problem: jsonSchema(answers.problem, 'output') } },
  };
}
