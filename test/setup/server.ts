/** The product as a process of its own (`node gateway/main.ts`), and a small client of its HTTP contract. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { leaseBeatMs, shardCount } from '../../engine/limits.ts';
import { assertDocumented, harness, specOf } from '../gateway/harness.ts';

const projectFolder = fileURLToPath(new URL('../../', import.meta.url));
/** Other tests may have the machine. */
const readyMs = 60_000;
const stopMs = 10_000;
const readyPollMs = 25;

/** Every test server signs with this one. */
export const testSecret = 'a-secret-for-tests-only-0123456789abcdef';

export interface TestServer {
  readonly url: string;
  readonly pid: number;
  /** Everything it has written so far. */
  readonly output: () => string;
  /** Sends the signal and resolves with the exit code (null after a signal's death). */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Below those that the system gives to outgoing connections, which would take it before it is listened on. */
const portMin = 10_240;
const portMax = 19_999;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(portMin, portMax + 1);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

interface Launched {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly output: () => string;
}

/** Starts a main file with the given environment and nothing else of the test's own. */
export function launch(
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Launched {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: projectFolder,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, exited, output: () => output };
}

/** Resolves once /readyz answers 200; rejects with the output when the process ends before. */
export async function startServer(env: Readonly<Record<string, string>>): Promise<TestServer> {
  const port = env['PORT'] ?? String(await freePort());
  const { child, exited, output } = launch('gateway/main.ts', {
    AUTH_SECRET: testSecret,
    DEV_LOGIN: 'true',
    LOG_LEVEL: 'warn',
    DRAIN_GRACE_MS: '0',
    ...env,
    PORT: port,
    HOST: '127.0.0.1',
  });
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + readyMs;
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  for (;;) {
    const ready = await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) break;
    if (ended || Date.now() > until) {
      // Not at once with SIGKILL: its database would stay behind.
      child.kill('SIGTERM');
      await Promise.race([exited, sleep(stopMs)]);
      child.kill('SIGKILL');
      throw new Error(`the server did not become ready:\n${output()}`);
    }
    await sleep(readyPollMs);
  }
  return {
    url,
    pid: child.pid ?? 0,
    output,
    async end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

export interface Answer {
  readonly status: number;
  // A JSON body has any shape; the tests look at what they expect.
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export interface Client {
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
}

/** A user of the server at `url`, with a token from the development login. */
export async function clientOf(
  url: string,
  userId: string,
  scopes: string[] = [],
): Promise<Client> {
  const response = await fetch(`${url}/v1/dev/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId, ...(scopes.length > 0 ? { scopes } : {}) }),
  });
  const { token } = (await response.json()) as { token: string };
  return clientWith(url, token);
}

/** For their descriptions: every answer of every test is held against them. */
const { routes } = harness();

/** The same with a token made before; works across restarts of the server. */
export function clientWith(url: string, token: string): Client {
  const call: Client['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json: unknown = text === '' ? {} : JSON.parse(text);
    const spec = specOf(routes, method, path);
    if (spec !== undefined) assertDocumented(spec, response, json);
    return {
      status: response.status,
      body: json as Record<string, unknown>,
      headers: response.headers,
    };
  };
  return {
    call,
    post: (path, body, headers) => call('POST', path, body, headers),
    get: (path) => call('GET', path),
  };
}

/** A funded, confirmed batch whose audience is `receivers`; resolves with its id. */
export async function activeBatch(
  url: string,
  sender: Client,
  senderId: string,
  batch: Record<string, unknown>,
  receivers: readonly string[],
): Promise<string> {
  const operator = await clientOf(url, 'operator', ['operator']);
  const created = await sender.post('/v1/batches', batch);
  if (created.status !== 201) throw new Error(`not created: ${JSON.stringify(created.body)}`);
  const { id, total, asset } = created.body as { id: string; total: number; asset: string };
  await operator.post('/v1/operator/deposits', {
    userId: senderId,
    asset,
    amount: total,
    reference: `for-${id}`,
  });
  const confirmed = await sender.post(`/v1/batches/${id}/confirm`);
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${JSON.stringify(confirmed.body)}`);
  for (let i = 0; i < receivers.length; i += 10_000) {
    const audience = { channel: 'group', receivers: receivers.slice(i, i + 10_000) };
    const extended = await sender.post(`/v1/batches/${id}/audience`, audience);
    if (extended.status !== 200) throw new Error(`no audience: ${JSON.stringify(extended.body)}`);
  }
  return id;
}

/** Until the node serves so many shards. */
export async function untilServing(node: TestServer, shards: number): Promise<void> {
  const line = new RegExp(`^hongbao_shards_served ${shards}$`, 'm');
  while (!line.test(await (await fetch(`${node.url}/metrics`)).text())) await sleep(50);
}

/** Processes on one database; each serves its part of the shards, and knows that the others serve theirs. */
export async function startNodes(
  names: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<TestServer[]> {
  const nodes: TestServer[] = [];
  for (const name of names) {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    nodes.push(await startServer({ ...env, PORT: port, NODE_ID: name, NODE_URL: url }));
  }
  for (const node of nodes) await untilServing(node, shardCount / nodes.length);
  // Who has a shard they learn from each other with their heartbeats; until then an answer may be `unknown`.
  await sleep(3 * leaseBeatMs);
  return nodes;
}
