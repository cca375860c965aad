import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Client } from 'pg';
import { findBinaries } from './binaries.ts';
import { initialise, isInitialised, keptPassword, superuser } from './cluster.ts';
import { lockFolder } from './folder-lock.ts';
import type { EmbeddedLog } from './log.ts';
import { stopOrphan } from './orphan.ts';
import { keptPort, otherPort } from './port.ts';
import { type Postmaster, PostmasterStartError, startPostmaster } from './postmaster.ts';
import { chooseRunner } from './runner.ts';
import { supervise } from './supervise.ts';

/** Name of the one database. */
const databaseName = 'hongbao';
const portAttemptsMax = 5;
const passwordFileName = 'postgres.password';
const portFileName = 'postgres.port';

/** A server of our own, kept running until stop(). */
export type EmbeddedPostgres = {
  /** Connection URL with the password in it; stays the same while the server is started again. */
  readonly url: string;
  /** Stops the server fast and waits for its end; then the folder is free for another process. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts the embedded PostgreSQL: a real server with its data in `<dataDir>/postgres`, on 127.0.0.1
 * only, with full durability.
 *
 * It copes with what a crash leaves: an interrupted initialisation, a server without its parent,
 * the pid file of a machine that lost power. A server that ends while we run is started again; for
 * that moment connections are refused or broken, and clients have to connect again.
 *
 * @param options.dataDir folder of this process alone, made when it is not there
 * @throws FolderInUseError when another process runs on this folder
 * @throws Error with one line, naming DATA_DIR or DATABASE_URL, when no server can run here
 */
export async function startEmbeddedPostgres(options: {
  readonly dataDir: string;
  readonly log: EmbeddedLog;
}): Promise<EmbeddedPostgres> {
  const { log } = options;
  const folder = resolve(options.dataDir);
  const lock = await lockFolder(folder);
  try {
    const dataFolder = join(folder, 'postgres');
    const binaries = await findBinaries();
    const runner = await chooseRunner(dataFolder, [folder, dirname(binaries.postgres)], log);
    const initialised = await isInitialised(dataFolder);
    const password = await keptPassword(join(folder, passwordFileName), initialised);
    if (!initialised) await initialise({ dataFolder, password, binaries, runner, log });

    const start = async (port: number, signal: AbortSignal) => {
      const { strangerPid } = await stopOrphan(dataFolder, log);
      return startPostmaster({ dataFolder, port, binaries, runner, log, signal, strangerPid });
    };
    const portFile = join(folder, portFileName);
    // Before the port is looked at, which an orphan still holds.
    await stopOrphan(dataFolder, log);
    const { postmaster, port } = await startOnFreePort(portFile, start);
    const server = supervise(postmaster, (signal) => start(port, signal), log);
    const url = urlOf(password, port, databaseName);
    try {
      await ensureDatabase(urlOf(password, port, 'postgres'), databaseName);
    } catch (error) {
      await server.stop();
      throw error;
    }
    log.info({ port, pid: postmaster.pid, dataFolder }, 'embedded PostgreSQL runs');
    return {
      url,
      stop: async () => {
        await server.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Where the server of another process of ours listens that runs on this folder: for tools beside it. */
export async function runningEmbeddedUrl(dataDir: string): Promise<string> {
  const folder = resolve(dataDir);
  const password = await keptPassword(join(folder, passwordFileName), true);
  const port = Number(await readFile(join(folder, portFileName), 'utf8'));
  return urlOf(password, port, databaseName);
}

function urlOf(password: string, port: number, database: string): string {
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/${database}`;
}

/** Somebody may take the port between the look and the start; only then another is tried. */
async function startOnFreePort(
  portFile: string,
  start: (port: number, signal: AbortSignal) => Promise<Postmaster>,
): Promise<{ postmaster: Postmaster; port: number }> {
  const { signal } = new AbortController();
  let port = await keptPort(portFile);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { postmaster: await start(port, signal), port };
    } catch (error) {
      const again = error instanceof PostmasterStartError && error.portTaken;
      if (!again || attempt === portAttemptsMax) throw error;
      port = await otherPort(portFile);
    }
  }
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new Client({ connectionString: url });
  // The statement under way rejects as well; without a listener this would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0)
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
