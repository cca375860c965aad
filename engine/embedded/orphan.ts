import { execFile } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { EmbeddedLog } from './log.ts';
import { readPidFile } from './postmaster.ts';

const pollMs = 20;
const fastStopMs = 30_000;
const immediateStopMs = 10_000;

/**
 * Stops a server that an earlier process left behind on this folder, by the signals of
 * `pg_ctl stop`, first fast, then immediate. Its pid file stays what it is: the server's own.
 *
 * The pid in that file may since have been given to anybody, so nothing is signalled that is not
 * seen to be a server of this folder.
 *
 * @returns a running process that the pid file names wrongly
 */
export async function stopOrphan(
  dataFolder: string,
  log: EmbeddedLog,
): Promise<{ readonly strangerPid: number | undefined }> {
  const pid = (await readPidFile(dataFolder))?.pid;
  if (pid === undefined || !isRunning(pid)) return { strangerPid: undefined };
  if (!(await isServerOf(pid, dataFolder))) return { strangerPid: pid };

  log.warn({ pid }, 'stopping a PostgreSQL that an earlier process left behind');
  for (const [signal, waitMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
  ] as const) {
    kill(pid, signal);
    const end = performance.now() + waitMs;
    while (performance.now() < end) {
      if (!isRunning(pid) || !(await isServerOf(pid, dataFolder))) {
        return { strangerPid: undefined };
      }
      await sleep(pollMs);
    }
  }
  throw new Error(`DATA_DIR: a PostgreSQL (pid ${pid}) on ${dataFolder} does not stop`);
}

/** A server's working folder is its data folder; elsewhere than on Linux its arguments name it. */
async function isServerOf(pid: number, dataFolder: string): Promise<boolean> {
  if (process.platform === 'linux') {
    try {
      const [folder, name] = await Promise.all([
        readlink(`/proc/${pid}/cwd`),
        readFile(`/proc/${pid}/comm`, 'utf8'),
      ]);
      return name.trim() === 'postgres' && folder === (await realpath(dataFolder));
    } catch {
      // Gone, or of another user, who could not have opened this folder.
      return false;
    }
  }
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]);
    return stdout.includes('postgres') && stdout.includes(dataFolder);
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  return kill(pid, 0);
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
