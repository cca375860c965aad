import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { startServer, type RunningServer } from '../../gateway/server.ts';
import { harness, type Harness } from './harness.ts';

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.drain()));
});

async function serve(): Promise<Harness & { server: RunningServer; url: string }> {
  const made = harness();
  const { lifecycle } = made.deps;
  const server = await startServer(made.app, { port: 0, host: '127.0.0.1', lifecycle });
  running.push(server);
  return { ...made, server, url: `http://127.0.0.1:${server.port}` };
}

/** Sends bytes as they are; gives all that came back until the server closed. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes);
  return textOf(socket);
}

/** A request over an agent's kept connection. */
async function over(
  agent: Agent,
  url: string,
  method = 'GET',
  headers = {},
): Promise<IncomingMessage> {
  const sent = request(url, { agent, method, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

describe('over a socket', () => {
  test('claims with and without a body, lengths and chunks', async () => {
    const { url, activeBatch, token, world } = await serve();
    const { id } = await activeBatch('ann', ['bob']);
    const headers = { authorization: `Bearer ${await token('bob')}` };
    const path = `${url}/v1/batches/${id}/claims`;
    const first = await fetch(path, { method: 'POST', headers });
    expect(first.status).toBe(201);
    expect(first.headers.get('content-type')).toBe('application/json');
    expect(await first.json()).toMatchObject({ batchId: id, status: 'claimed' });
    const typed = { ...headers, 'content-type': 'application/json' };
    const body = JSON.stringify({ key: 'k' });
    expect((await fetch(path, { method: 'POST', headers: typed, body })).status).toBe(200);
    const chunks = new Blob([body]).stream();
    const init = { method: 'POST', headers: typed, body: chunks, duplex: 'half' };
    expect((await fetch(path, init as RequestInit)).status).toBe(200);
    expect(world.claims.map(({ linkKey }) => linkKey)).toEqual([undefined, 'k', 'k']);
  });

  test('1 MB and more is a 413, announced or chunked, and the answer arrives', async () => {
    const { url, token, world } = await serve();
    const headers = {
      authorization: `Bearer ${await token('ann')}`,
      'content-type': 'application/json',
    };
    const big = new Uint8Array(3_000_000).fill(0x20);
    for (const body of [big, new Blob([big]).stream()]) {
      const init = { method: 'POST', headers, body, duplex: 'half' };
      const response = await fetch(`${url}/v1/batches`, init as RequestInit);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({ code: 'body_too_large' });
    }
    expect(world.recorded).toEqual([]);
  });

  test('HEAD, 404 and 405', async () => {
    const { url } = await serve();
    const head = await fetch(`${url}/livez`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    const wrong = await fetch(`${url}/livez`, { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(wrong.headers.get('content-type')).toBe('application/problem+json');
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  test('what is no HTTP gets a problem as well', async () => {
    const { server } = await serve();
    const cases = [
      ['HELLO\r\n\r\n', 400, 'bad_request'],
      ['GET /livez HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 400, 'bad_request'],
      [
        `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
        431,
        'headers_too_large',
      ],
      ['POST /v1/batches HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', 400, 'bad_request'],
    ] as const;
    for (const [bytes, status, code] of cases) {
      const answer = await raw(server.port, bytes);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).toContain('application/problem+json');
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({
        status,
        code,
      });
    }
  });

  test('a client that leaves in the middle of its body is no error', async () => {
    const { server, token, logged, world } = await serve();
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `POST /v1/batches HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${await token('ann')}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"mode":',
      () => socket.destroy(),
    );
    await once(socket, 'close');
    await server.drain();
    expect(logged).toEqual([]);
    expect(world.recorded).toEqual([]);
  });
});

describe('drain', () => {
  test('finishes what is in flight, ends kept connections, refuses new ones', async () => {
    const { url, server, world, activeBatch, token } = await serve();
    const { id } = await activeBatch('ann', ['bob']);
    const headers = { authorization: `Bearer ${await token('bob')}` };
    const agent = new Agent({ keepAlive: true });
    const idle = new Agent({ keepAlive: true });
    // A kept connection that waits for its next request, and one that never sent any.
    (await over(idle, `${url}/livez`)).resume();
    const silent = connect(server.port, '127.0.0.1');
    await once(silent, 'connect');

    let release = (): void => {};
    world.gate = new Promise((resolve) => (release = resolve));
    const inFlight = over(agent, `${url}/v1/batches/${id}/claims`, 'POST', headers);
    while (world.claims.length === 0) await new Promise((resolve) => setImmediate(resolve));

    let ended = false;
    const drained = server.drain().then(() => (ended = true));
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    await once(silent.resume(), 'close');
    expect(ended).toBe(false);

    release();
    const response = await inFlight;
    expect(response.statusCode).toBe(201);
    expect(response.headers.connection).toBe('close');
    expect(JSON.parse(await textOf(response))).toMatchObject({ status: 'claimed' });
    await drained;
    expect(await server.drain()).toBeUndefined();
    agent.destroy();
    idle.destroy();
  });

  test('with a grace, probes see 503 first and the service goes on', async () => {
    const made = harness();
    const { lifecycle } = made.deps;
    const options = { port: 0, host: '127.0.0.1', lifecycle, graceMs: 300 };
    const server = await startServer(made.app, options);
    const url = `http://127.0.0.1:${server.port}`;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const drained = server.drain();
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(ready.headers.get('connection')).toBe('close');
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    await drained;
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });

  test('a port in use is told', async () => {
    const { server, app, deps } = await serve();
    const { lifecycle } = deps;
    const second = startServer(app, { port: server.port, host: '127.0.0.1', lifecycle });
    await expect(second).rejects.toThrow(/EADDRINUSE/);
  });
});
