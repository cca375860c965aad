import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a small file so that after any crash it stands there whole, old or new.
 *
 * @param mode permission bits, 0o600 for secrets
 */
export async function writeFileDurably(path: string, text: string, mode: number): Promise<void> {
  await throughTemporary(path, text, mode, (temporary) => rename(temporary, path));
}

/**
 * Like writeFileDurably, but an existing file wins, also against another process at the same time.
 *
 * @returns whether this call made the file
 */
export async function createFileDurably(
  path: string,
  text: string,
  mode: number,
): Promise<boolean> {
  try {
    await throughTemporary(path, text, mode, (temporary) => link(temporary, path));
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Makes the names in a folder durable, after a rename into it. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether an error of the operating system has this code, for example ENOENT. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function throughTemporary(
  path: string,
  text: string,
  mode: number,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temporary);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}
