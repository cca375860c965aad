/** A gateway of this project in a process of its own, for demo, benchmarks and system-call traces. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from './cleanup.ts';

export const projectRoot = join(import.meta.dirname, '..', '..');

export interface ServerProcess {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  /** SIGTERM; resolves with the exit code once the process is gone. Calling it again gives the same promise. */
  stop(): Promise<number | null>;
}

export interface ServerOptions {
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Learns how to stop the server before it is ready, so that an interrupted start leaves nothing behind. */
  readonly cleanup: Cleanup;
}

/** Variables of the gateway that a server for measuring must not inherit. */
export const withoutSettings: Readonly<Record<string, undefined>> = Object.fromEntries(
  [
    'DATABASE_URL',
    'REDIS_URL',
    'AUTH_SECRET',
    'AUTH_JWKS_URL',
    'AUTH_AUDIENCE',
    'PUBLIC_URL',
    'HOST',
    'THREADS',
    'WORKERS',
    'METRICS_PORT',
    'CONFIRM_WITHIN_SECONDS',
    'SHARE_THRESHOLD',
    'JOURNAL_MEMORY_WATERMARK',
  ].map((name) => [name, undefined]),
);

const readyMs = 90_000;
const readyPollMs = 50;
/** Longer than the server's own limits for draining and stopping its database. */
const stopMs = 60_000;
const outputMax = 8_000;

/**
 * Starts `node gateway/main.ts` on a free port and resolves when /readyz says so.
 *
 * @throws Error with the child's error output when it ends or does not get ready
 */
export async function startServer({ env, cleanup }: ServerOptions): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(projectRoot, 'gateway', 'main.ts')], {
    cwd: projectRoot,
    // The port is read from the log, so that line must not be filtered out.
    env: {
      ...process.env,
      ...env,
      PORT: String(await freePort()),
      DRAIN_GRACE_MS: '0',
      LOG_LEVEL: 'info',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own session: Ctrl-C is for us, who then end it in order.
    detached: true,
  });
  const output = outputOf(child);
  const exited = endOf(child);
  const late = sleep(readyMs, 'it is not ready in time', { ref: false });
  // A server that is still starting does not know yet how to end in order, so stop() waits for this.
  const listening = Promise.race([
    output.port.then((port) => ({ url: `http://127.0.0.1:${port}` })),
    exited.then(({ why }) => why),
    late,
  ]);
  let stopping: Promise<number | null> | undefined;
  const stop = async () => {
    await listening;
    child.kill('SIGTERM');
    const impatient = setTimeout(() => child.kill('SIGKILL'), stopMs);
    const { code } = await exited;
    clearTimeout(impatient);
    return code;
  };
  const server = { pid: child.pid ?? 0, stop: () => (stopping ??= stop()) };
  cleanup.add(server.stop);

  const address = await listening;
  const ready = typeof address === 'string' ? address : await untilReady(address.url, exited, late);
  if (typeof address === 'string' || ready !== undefined) {
    await server.stop();
    throw new Error(`the server did not start: ${ready}\n${output.text()}`);
  }
  return { ...server, url: address.url };
}

/** A port that is free right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

interface End {
  readonly code: number | null;
  readonly why: string;
}

function endOf(child: ChildProcess): Promise<End> {
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      process.off('exit', kill);
      resolve({ code, why: `it ended with ${signal ?? `exit code ${code}`}` });
    });
  });
}

/** Resolves with undefined once /readyz answers 200, else with the reason why it never will. */
async function untilReady(
  url: string,
  exited: Promise<End>,
  late: Promise<string>,
): Promise<string | undefined> {
  let never: string | undefined;
  void Promise.race([exited.then(({ why }) => why), late]).then((reason) => {
    never = reason;
  });
  while (never === undefined) {
    if (await isReady(url)) return undefined;
    await sleep(readyPollMs);
  }
  return never;
}

/** Reads what the child writes, for ever, so that no pipe fills up; the log names the port once it listens. */
function outputOf(child: ChildProcess): { readonly port: Promise<number>; text(): string } {
  let errors = '';
  let lastLine = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-outputMax);
  });
  const port = new Promise<number>((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      lastLine = line;
      if (!line.includes('"serving"')) return;
      const said = JSON.parse(line) as { readonly msg?: string; readonly port?: number };
      if (said.msg === 'serving' && said.port !== undefined) resolve(said.port);
    });
  });
  return { port, text: () => (errors || lastLine).trim() };
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
