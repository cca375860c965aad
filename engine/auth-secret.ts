import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileDurably } from './embedded/files.ts';
import { ConfigError } from './environment.ts';

const secretBytes = 32;

/**
 * The AUTH_SECRET of the embedded mode: made once, then kept in `<dataDir>/auth-secret`, readable
 * by this user only. Two processes that start together get the same one.
 *
 * @throws ConfigError naming AUTH_SECRET when the file is damaged or others can read it
 */
export async function keptAuthSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'auth-secret');
  await mkdir(dataDir, { recursive: true });
  await createFileDurably(file, `${randomBytes(secretBytes).toString('base64url')}\n`, 0o600);
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ConfigError('AUTH_SECRET', `in ${file} can be read by others: chmod 600 it`);
  }
  const secret = (await readFile(file, 'utf8')).trim();
  if (Buffer.byteLength(secret) < secretBytes) {
    throw new ConfigError('AUTH_SECRET', `in ${file} is too short: remove the file for a new one`);
  }
  return secret;
}
