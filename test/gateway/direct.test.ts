/** Routes served without Hono answer byte for byte what Hono answers for them. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
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

describe('a body that nobody reads', () => {
  const unread = 'POST /v1/batches/1/claims HTTP/1.1\r\nHost: a\r\n';

  async function served() {
    const { app, deps, activeBatch, token } = harness();
    const { lifecycle } = deps;
    const server = await startServer(app, { port: 0, host: '127.0.0.1', lifecycle });
    running.push(server);
    const socket = connect(server.port, '127.0.0.1');
    let said = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text;
    });
    const answers = () => said.match(/HTTP\/1\.1 [0-9]{3}/g) ?? [];
    return { server, socket, answers, activeBatch, token };
  }

  test('leaves the connection usable when it has come', async () => {
    const { socket, answers } = await served();
    socket.write(`${unread}Content-Length: 2\r\n\r\n{}${unread}Content-Length: 2\r\n\r\n`);
    await expect.poll(answers).toHaveLength(1);
    socket.write('{}');
    await expect.poll(answers).toHaveLength(2);
    socket.write(`${unread}Content-Length: 0\r\n\r\n`);
    await expect.poll(answers).toEqual(Array.from({ length: 3 }, () => 'HTTP/1.1 401'));
    socket.destroy();
  });

  test('ends the connection when it does not come', async () => {
    const { socket, answers, server } = await served();
    const closed = once(socket, 'close');
    socket.write(`${unread}Content-Length: 100\r\n\r\n{`);
    await closed;
    expect(answers()).toEqual(['HTTP/1.1 401']);
    const startedAt = performance.now();
    await server.drain();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test.each([
    ['announced', 'Content-Length: 4000000000\r\n\r\n'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3b9aca00\r\n'],
  ])('is not taken without an end: %s', async (_, head) => {
    const { socket, answers } = await served();
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.write(`${unread}${head}`);
    const chunk = Buffer.alloc(1_000_000, 'x');
    for (let sent = 0; !socket.destroyed && sent < 200; sent += 1) {
      if (socket.write(chunk)) continue;
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    await closed;
    expect(answers().length).toBeLessThanOrEqual(1);
    expect(socket.bytesWritten).toBeLessThan(100_000_000);
  });

  test('of a client that went away while its token was verified is not waited for', async () => {
    const { NodeIncoming } = await import('../../gateway/incoming.ts');
    const gone = { destroyed: true, complete: false, headers: { 'content-length': '2' } };
    const incoming = new NodeIncoming(gone as unknown as IncomingMessage, '1', '');
    await expect(incoming.bytes()).rejects.toThrow('gone');
  });
});
