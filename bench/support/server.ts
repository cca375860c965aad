/** A gateway of this project in a process of its own, for demo, benchmarks and system-call traces. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export const projectRoot = join(import.meta.dirname, '..', '..');

export interface ServerProcess {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  /** Why the process has ended, or undefined while it runs. */
  ended(): string | undefined;
  /** SIGTERM; resolves with the exit code once the process is gone. */
  stop(): Promise<number | null>;
}

export interface ServerOptions {
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readyMs?: number;
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

const readyMsDefault = 90_000;
const readyPollMs = 50;
/** Longer than the server's own limits for draining and stopping its database. */
const stopMs = 60_000;
const outputMax = 8_000;

/**
 * Starts `node gateway/main.ts` on a port that the system chooses and resolves when /readyz says so.
 *
 * @throws Error with the last lines of the child's output when it ends or does not get ready
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(projectRoot, 'gateway', 'main.ts')], {
    cwd: projectRoot,
    // The port is read from the log, so that line must not be filtered out.
    env: { ...process.env, ...options.env, PORT: '0', LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own session: Ctrl-C is for us, who then end it in order.
    detached: true,
  });
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  let errors = '';
  let lastLog = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-outputMax);
  });
  let end: string | undefined;
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code, signal) => {
      process.off('exit', kill);
      end = `it ended with ${signal ?? `exit code ${code}`}`;
      resolve(code);
    });
  });
  const port = portOf(child, (line) => {
    lastLog = line;
  });

  const deadline = performance.now() + (options.readyMs ?? readyMsDefault);
  const fail = async (what: string): Promise<never> => {
    kill();
    await exited;
    throw new Error(`the server did not start: ${what}\n${(errors || lastLog).trim()}`);
  };
  const late = sleep(deadline - performance.now(), undefined, { ref: false });
  const listening = await Promise.race([port, exited.then(() => undefined), late]);
  if (listening === undefined) return fail(end ?? 'it did not listen in time');
  const url = `http://127.0.0.1:${listening}`;
  while (!(await isReady(url))) {
    if (end !== undefined || performance.now() > deadline) return fail(end ?? 'it is not ready');
    await sleep(readyPollMs);
  }
  return {
    url,
    pid: child.pid ?? 0,
    ended: () => end,
    async stop() {
      kill();
      const impatient = setTimeout(() => child.kill('SIGKILL'), stopMs);
      const code = await exited;
      clearTimeout(impatient);
      return code;
    },
  };
}

/** The port that the server's log names once it listens; goes on reading so that the pipe never fills. */
function portOf(child: ChildProcess, onLine: (line: string) => void): Promise<number> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      onLine(line);
      if (!line.includes('"serving"')) return;
      const { msg, port } = JSON.parse(line) as { msg?: string; port?: number };
      if (msg === 'serving' && port !== undefined) resolve(port);
    });
  });
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
