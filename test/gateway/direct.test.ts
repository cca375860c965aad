/** Routes served without Hono answer byte for byte what Hono answers for them. */
import { connect } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import type { GatewayApp } from '../../gateway/app.ts';
import { startServer, type RunningServer } from '../../gateway/server.ts';
import { harness } from './harness.ts';

const running: RunningServer[] = [];
afterAll(() => Promise.all(running.map((server) => server.drain())));

interface Side {
  /** Status line, headers and body of one request on a connection of its own. */
  say(head: string, body?: string): Promise<string>;
  readonly token: string;
  readonly id: string;
  taken: number;
}

/** The same world twice: once as it is, once with everything left to Hono. */
async function side(isDirect: boolean): Promise<Side> {
  const { app, deps, activeBatch, token } = harness();
  const made: Side = { say: async () => '', token: await token('bob'), id: '', taken: 0 };
  const counted: GatewayApp = {
    ...app,
    direct(message, outgoing) {
      const taken = isDirect && app.direct(message, outgoing);
      if (taken) made.taken += 1;
      return taken;
    },
  };
  const { lifecycle } = deps;
  const server = await startServer(counted, { port: 0, host: '127.0.0.1', lifecycle });
  running.push(server);
  const { id } = await activeBatch('ann', ['bob']);
  const say = async (head: string, body = '') => {
    const socket = connect(server.port, '127.0.0.1');
    const text = head.replaceAll('{id}', id).replaceAll('{token}', made.token);
    const bearer = text.includes('Bearer') ? '' : `Authorization: Bearer ${made.token}\r\n`;
    socket.write(
      `${text}\r\nHost: a\r\nX-Request-Id: r1\r\nConnection: close\r\n${bearer}` +
        (body === '' ? '\r\n' : `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
    );
    const answer = await textOf(socket);
    const [top = '', ...rest] = answer.split('\r\n\r\n');
    const lines = top.split('\r\n').filter((line) => !/^(date|keep-alive):/i.test(line));
    // Names of headers carry no case; their order says nothing.
    const [status, ...headers] = lines;
    const named = headers.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
    const key = /[A-Za-z0-9_-]{22}/g;
    return [status, ...named.toSorted(), '', rest.join('\r\n\r\n')].join('\n').replace(key, 'KEY');
  };
  return Object.assign(made, { say, id });
}

type Row = readonly [what: string, direct: boolean, head: string, body?: string];
const requests: readonly Row[] = [
  ['a claim', true, 'POST /v1/batches/{id}/claims HTTP/1.1'],
  ['again, opened', true, 'POST /v1/batches/{id}/claims?open=true HTTP/1.1'],
  ['with a body', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '{"key":"k"}'],
  ['an empty object', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '{}'],
  ['no JSON', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '{"key":'],
  ['an unknown field', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '{"kex":"k"}'],
  ['a number for a key', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '{"key":1}'],
  ['a list', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '[]'],
  ['a wrong flag', true, 'POST /v1/batches/{id}/claims?open=maybe HTTP/1.1'],
  ['a flag twice', true, 'POST /v1/batches/{id}/claims?open=true&open=true HTTP/1.1'],
  ['an unknown parameter', true, 'POST /v1/batches/{id}/claims?utm=x HTTP/1.1'],
  ['an open', true, 'POST /v1/batches/{id}/open HTTP/1.1'],
  ['an unknown batch', true, 'POST /v1/batches/999/claims HTTP/1.1'],
  ['a batch id of letters', true, 'POST /v1/batches/abc/claims HTTP/1.1'],
  ['an encoded id', false, 'POST /v1/batches/%31/claims HTTP/1.1'],
  ['a path with an empty part', false, 'POST /v1/batches//claims HTTP/1.1'],
  ['a path with dots', false, 'POST /v1/batches/1/../1/claims HTTP/1.1'],
  ['an absolute target', false, 'POST http://a/v1/batches/{id}/claims HTTP/1.1'],
  ['a slash behind', false, 'POST /v1/batches/{id}/claims/ HTTP/1.1'],
  ['a method that is not there', false, 'PUT /v1/batches/{id}/claims HTTP/1.1'],
  ['no token', true, 'POST /v1/batches/{id}/claims HTTP/1.1\r\nAuthorization: Bearer'],
  ['a wrong token', true, 'POST /v1/batches/{id}/claims HTTP/1.1\r\nAuthorization: Bearer a.b.c'],
  [
    'another content type',
    true,
    'POST /v1/batches/{id}/claims HTTP/1.1\r\nContent-Type: text/plain',
    'key=k',
  ],
  [
    'an encoded body',
    true,
    'POST /v1/batches/{id}/claims HTTP/1.1\r\nContent-Encoding: gzip',
    '{}',
  ],
  ['a bad idempotency key', true, 'POST /v1/batches/{id}/claims HTTP/1.1\r\nIdempotency-Key: a b'],
  ['a body without UTF-8', true, 'POST /v1/batches/{id}/claims HTTP/1.1', '{"key":"\uDC00"}'],
  ['the page', true, 'GET /v1/batches/{id} HTTP/1.1'],
  ['the claims', true, 'GET /v1/batches/{id}/claims?limit=1 HTTP/1.1'],
  ['a wrong cursor', true, 'GET /v1/batches/{id}/claims?cursor=%25 HTTP/1.1'],
  ['the head of a page', false, 'HEAD /v1/batches/{id} HTTP/1.1'],
  ['HTTP/1.0', true, 'POST /v1/batches/{id}/claims HTTP/1.0'],
];

const direct = await side(true);
const hono = await side(false);

for (const [what, isDirect, head, body] of requests) {
  test(what, async () => {
    const before = direct.taken;
    const answer = await direct.say(head, body);
    expect(direct.taken - before).toBe(isDirect ? 1 : 0);
    expect(answer).toBe(await hono.say(head, body));
    expect(answer).toMatch(/^HTTP\/1\.1 [2345]/);
  });
}
