import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { redisServerProgram } from './redis-server.ts';

/** The only settings under which the journal may run on Redis. */
export const durableRedisSettings: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
  save: '',
};

/** A redis-server process of the test's own, to be broken as the test likes. */
export type TestRedis = {
  readonly url: string;
  readonly port: number;
  /** Pid of the running process; undefined while it is down. */
  readonly pid: number | undefined;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Clean shutdown; resolves when the process is gone. The data stays. */
  stop(): Promise<void>;
  /** kill -9; resolves when the process is gone. The data stays. */
  kill(): Promise<void>;
  /** CONFIG SET on the running server; lasts until it is started again. */
  config(name: string, value: string): Promise<void>;
  /** Ends the process if it runs and removes the data. */
  remove(): Promise<void>;
};

const readyMs = 10_000;
const readyPollMs = 20;
const startAttemptsMax = 5;

/** A running redis-server with the durable settings; the test calls remove() at its end. */
export function freshRedis(): Promise<TestRedis> {
  return startRedis();
}

/**
 * Starts a redis-server on 127.0.0.1, a free port and a temporary folder.
 *
 * @param settings lines of redis.conf that replace or add to the durable ones
 * @param parent where its folder is made, e.g. on a small disk
 */
export async function startRedis(
  settings: Readonly<Record<string, string>> = {},
  parent = tmpdir(),
): Promise<TestRedis> {
  const program = await redisServerProgram();
  const folder = await mkdtemp(join(parent, 'hongbao-redis-'));
  const lines = { ...durableRedisSettings, ...settings };
  let port = 0;
  let child: ChildProcess | undefined;

  const start = async () => {
    if (child !== undefined) throw new Error('this Redis runs already');
    child = await launch(program, { ...lines, port: String(port), dir: folder });
    child.once('exit', () => {
      child = undefined;
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    if (ending === undefined) return;
    const gone = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await gone;
  };

  for (let attempt = 1; ; attempt += 1) {
    port = await freePort();
    try {
      await start();
      break;
    } catch (error) {
      // Another process may have taken the port in between.
      if (attempt < startAttemptsMax) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    port,
    get pid() {
      return child?.pid;
    },
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async config(name, value) {
      const client = new Redis(url);
      try {
        await client.config('SET', name, value);
      } finally {
        client.disconnect();
      }
    },
    async remove() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the server answers and has loaded its data. */
async function launch(
  program: string,
  settings: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const args = Object.entries({ bind: '127.0.0.1', daemonize: 'no', ...settings }).flatMap(
    ([name, value]) => [`--${name}`, value],
  );
  // Its own session, so that Ctrl-C reaches the test run first, which then ends it.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let gone = false;
  const end = (reason?: Error) => {
    gone = true;
    if (reason !== undefined) output += reason.message;
    process.off('exit', kill);
  };
  child.once('exit', () => end());
  child.once('error', end);

  const deadline = performance.now() + readyMs;
  while (!gone && performance.now() < deadline) {
    // The pid tells our server from one that was faster to take the port.
    if ((await answeringPid(Number(settings['port']))) === child.pid) return child;
    await sleep(readyPollMs);
  }
  kill();
  throw new Error(`redis-server did not start: ${output.trim()}`);
}

async function answeringPid(port: number): Promise<number | undefined> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const info = await client.info('server');
    return Number(/process_id:(\d+)/.exec(info)?.[1]);
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
