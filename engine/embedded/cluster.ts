import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PostgresBinaries } from './binaries.ts';
import { createFileDurably, hasCode, syncFolder } from './files.ts';
import type { EmbeddedLog } from './log.ts';
import type { Runner } from './runner.ts';

/** Role that owns everything in the embedded server. */
export const superuser = 'postgres';

const unfinishedPrefix = 'postgres.new-';

/** Whether the data folder holds a complete cluster. */
export async function isInitialised(dataFolder: string): Promise<boolean> {
  try {
    await stat(join(dataFolder, 'PG_VERSION'));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * The cluster's password, made once and kept in a file that only this user reads.
 *
 * It is durable before the cluster exists, so that a crash between the two leaves no cluster that
 * nobody can log in to.
 */
export async function keptPassword(file: string, initialised: boolean): Promise<string> {
  if (!initialised) {
    await createFileDurably(file, `${randomBytes(24).toString('base64url')}\n`, 0o600);
  }
  try {
    const password = (await readFile(file, 'utf8')).trim();
    if (password !== '') return password;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  throw new Error(`DATA_DIR: ${file} is missing, the password of the database beside it`);
}

/**
 * Makes a new cluster. It grows in a sibling folder and gets its name only when it is complete, so
 * that an interrupted start leaves rubbish to sweep, never half a database.
 */
export async function initialise(options: {
  readonly dataFolder: string;
  readonly password: string;
  readonly binaries: PostgresBinaries;
  readonly runner: Runner;
  readonly log: EmbeddedLog;
}): Promise<void> {
  const { dataFolder, runner, log } = options;
  const parent = dirname(dataFolder);
  for (const name of await readdir(parent)) {
    if (name.startsWith(unfinishedPrefix)) await rm(join(parent, name), { recursive: true });
  }
  await removeEmpty(dataFolder);

  const fresh = join(parent, `${unfinishedPrefix}${randomBytes(6).toString('hex')}`);
  const passwordFile = `${fresh}.password`;
  try {
    await mkdir(fresh, { mode: 0o700 });
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600, flag: 'wx' });
    await runner.give(fresh);
    await runner.give(passwordFile);
    await runInitdb(options, fresh, passwordFile);
    await chmod(fresh, 0o700);
    await rename(fresh, dataFolder);
    await syncFolder(parent);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(fresh, { recursive: true, force: true });
  }
  log.info({ dataFolder }, 'made a new PostgreSQL data folder');
}

/** Never deletes what might be somebody's data. */
async function removeEmpty(dataFolder: string): Promise<void> {
  try {
    await rmdir(dataFolder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw new Error(`DATA_DIR: ${dataFolder} is neither empty nor a PostgreSQL data folder`, {
      cause: error,
    });
  }
}

async function runInitdb(
  options: { readonly binaries: PostgresBinaries; readonly runner: Runner },
  folder: string,
  passwordFile: string,
): Promise<void> {
  const [program, args, spawnOptions] = options.runner.command(options.binaries.initdb, [
    `--pgdata=${folder}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The same order of text on every machine, whatever locales it has.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ]);
  const child = spawn(program, args, {
    ...spawnOptions,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-4_000);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve(exitCode ?? signal ?? 'unknown'));
  });
  if (code !== 0)
    throw new Error(`DATA_DIR: initdb in ${folder} failed (${code}): ${output.trim()}`);
}
