import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresBinaries } from './binaries.ts';
import type { EmbeddedLog } from './log.ts';
import { hasCode } from './files.ts';
import type { Runner } from './runner.ts';

/** Durable first (a claim is money), then enough room for a campaign on one machine. */
const serverSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  shared_buffers: '256MB',
  max_connections: '200',
  wal_compression: 'on',
  max_wal_size: '4GB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Parallel plans need /dev/shm, which is small in containers, and short statements gain nothing.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // Statements and keys may hold what belongs to users: keep them out of the log.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
} as const;

/** A running server process. */
export type Postmaster = {
  readonly pid: number;
  /** Resolves when the process is gone, with its last log lines. */
  readonly exited: Promise<string>;
  /** Fast shutdown: ends sessions, writes a checkpoint; resolves when the process is gone. */
  stop(): Promise<void>;
};

export type PostmasterOptions = {
  readonly dataFolder: string;
  readonly port: number;
  readonly binaries: PostgresBinaries;
  readonly runner: Runner;
  readonly log: EmbeddedLog;
  /** Gives a start up that is under way. */
  readonly signal: AbortSignal;
  /** Pid that stands in an old pid file and is known to be no server of this folder. */
  readonly strangerPid: number | undefined;
};

/** The server ended before it was ready. */
export class PostmasterStartError extends Error {
  override readonly name = 'PostmasterStartError';
  readonly portTaken: boolean;

  constructor(lastLines: string) {
    super(`PostgreSQL did not start: ${lastLines}`);
    this.portTaken = lastLines.includes('could not bind');
  }
}

const readyPollMs = 10;
/** A fast shutdown writes a checkpoint; after this long the next start recovers from the log. */
const fastStopMs = 30_000;
const lastLinesMax = 2_000;

/** Starts a server and resolves when it takes connections. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { dataFolder, log } = options;
  const settings = Object.entries(serverSettings).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const [program, args, spawnOptions] = options.runner.command(options.binaries.postgres, [
    '-D',
    dataFolder,
    '-p',
    String(options.port),
    ...settings,
  ]);
  const env = { ...spawnOptions.env };
  // The server refuses to start when the pid in an old pid file runs, except for this one. That is
  // its own way out when a restarted container gave the number to some other process.
  if (options.strangerPid !== undefined) env['PG_GRANDPARENT_PID'] = String(options.strangerPid);
  const child = spawn(program, args, {
    ...spawnOptions,
    env,
    cwd: dataFolder,
    // Its own session: Ctrl-C in a terminal is for us, who stop the server last.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });

  let lastLines = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    lastLines = (lastLines + chunk).slice(-lastLinesMax);
    for (const line of chunk.split('\n')) if (line !== '') logLine(log, line);
  });
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', () => resolve(lastLines.trim()));
  });
  let gone = false;
  void exited.then(() => {
    gone = true;
    process.off('exit', interrupt);
  });
  // Leaves no orphan when our process ends without stop(), short of kill -9.
  const interrupt = () => child.kill('SIGINT');
  process.on('exit', interrupt);

  const stop = async () => {
    interrupt();
    const immediate = setTimeout(() => child.kill('SIGQUIT'), fastStopMs);
    await exited;
    clearTimeout(immediate);
  };

  while (!gone) {
    if (options.signal.aborted) {
      await stop();
      options.signal.throwIfAborted();
    }
    const status = await readPidFile(dataFolder);
    if (child.pid !== undefined && status?.pid === child.pid && status.ready) {
      return { pid: child.pid, exited, stop };
    }
    await Promise.race([sleep(readyPollMs), exited]);
  }
  throw new PostmasterStartError(await exited);
}

/** What the server's own pid file says; undefined when there is none. */
export async function readPidFile(
  dataFolder: string,
): Promise<{ readonly pid: number; readonly ready: boolean } | undefined> {
  try {
    const lines = (await readFile(join(dataFolder, 'postmaster.pid'), 'utf8')).split('\n');
    const pid = Number(lines[0]);
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
    return { pid, ready: lines[7]?.trim() === 'ready' };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function logLine(log: EmbeddedLog, line: string): void {
  // FATAL is mostly about one session; what ends the server comes in the error of its end.
  const level = line.includes('PANIC:') ? 'warn' : 'debug';
  log[level]({ component: 'postgres' }, line);
}
