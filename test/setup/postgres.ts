/** A PostgreSQL server of the test's own, to be broken as the test likes; nobody starts it again but the test. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries } from '../../engine/embedded/binaries.ts';
import { initialise, keptPassword, superuser } from '../../engine/embedded/cluster.ts';
import { stopOrphan } from '../../engine/embedded/orphan.ts';
import { startPostmaster, type Postmaster } from '../../engine/embedded/postmaster.ts';
import { chooseRunner } from '../../engine/embedded/runner.ts';
import { freePort } from './server.ts';

const run = promisify(execFile);
const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface TestPostgres {
  /** Database `postgres`, empty. */
  readonly url: string;
  start(): Promise<void>;
  /** Immediate shutdown, as if it had crashed; resolves when the server is gone. The data stays. */
  crash(): Promise<void>;
  /** SIGSTOP to the server and all its sessions: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  remove(): Promise<void>;
}

export async function ownPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-own-postgres-'));
  const dataFolder = join(folder, 'postgres');
  const binaries = await findBinaries();
  const runner = await chooseRunner(dataFolder, [folder, dirname(binaries.postgres)], log);
  const password = await keptPassword(join(folder, 'password'), false);
  await initialise({ dataFolder, password, binaries, runner, log });
  const port = await freePort();
  let postmaster: Postmaster | undefined;

  const start = async () => {
    const { strangerPid } = await stopOrphan(dataFolder, log);
    const { signal } = new AbortController();
    postmaster = await startPostmaster({
      dataFolder,
      port,
      binaries,
      runner,
      log,
      signal,
      strangerPid,
    });
  };
  /** To the sessions first, so that the server starts none in between. */
  const signalAll = async (signal: NodeJS.Signals) => {
    const parent = postmaster?.pid;
    if (parent === undefined) return;
    process.kill(parent, signal);
    const { stdout } = await run('ps', ['-o', 'pid=', '--ppid', String(parent)]).catch(() => ({
      stdout: '',
    }));
    for (const pid of stdout.split('\n').map(Number).filter(Boolean)) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        // A session that has ended since; the others are still to be told.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  };
  const crash = async () => {
    const ending = postmaster;
    if (ending === undefined) return;
    postmaster = undefined;
    process.kill(ending.pid, 'SIGQUIT');
    await ending.exited;
  };
  await start();
  return {
    url: `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`,
    start,
    crash,
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    async remove() {
      await signalAll('SIGCONT');
      await crash();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
