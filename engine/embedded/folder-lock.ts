import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The data folder belongs to another running process. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
}

/** A held lock; the kernel gives it back too when the process dies in any way. */
export type FolderLock = { release(): void };

/**
 * Takes a folder for this process alone.
 *
 * A lock file with a pid in it lies after a crash: the pid may have been given to another process,
 * or may mean another process in another container. So the lock is a lock of the kernel, which ends
 * with its holder and holds across containers. Node has no call for that, but its SQLite does take
 * one, for as long as a transaction is open.
 *
 * @param folder made when it is not there
 * @throws FolderInUseError when another process holds it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const holderFile = join(folder, 'lock-holder');
  // Nobody may open this file by other means in the same process: closing it would drop the lock.
  const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    const holder = await readFile(holderFile, 'utf8').catch(() => 'unknown');
    throw new FolderInUseError(
      `DATA_DIR: ${folder} is in use by another process (pid ${holder.trim()}); ` +
        'stop it, choose another DATA_DIR, or set DATABASE_URL to share one database',
    );
  }
  // For the message above only; nothing rests on it.
  await writeFile(holderFile, `${process.pid}\n`);
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      lock.close();
    },
  };
}

const sqliteBusy = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
}
