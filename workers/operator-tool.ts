/** What the operator's commands share: configuration, database (the embedded one as well), journal. */
import type { Pool } from 'pg';
import { systemClock } from '../engine/adapters/clock.ts';
import { loadConfig, type Config } from '../engine/config.ts';
import { FolderInUseError } from '../engine/embedded/folder-lock.ts';
import {
  runningEmbeddedUrl,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../engine/embedded/postgres.ts';
import { openJournal } from '../engine/journal/open.ts';
import type { Journal } from '../engine/ports/journal.ts';
import { silentObserver, type Observer } from '../engine/ports/observer.ts';
import type { Store } from '../engine/ports/store.ts';
import { migrate } from '../engine/store/migrate.ts';
import { openPool } from '../engine/store/pool.ts';
import { postgresStore } from '../engine/store/postgres.ts';

export interface DatabaseTool {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly observer: Observer;
  readonly pool: Pool;
}

export interface Tool extends DatabaseTool {
  readonly store: Store;
  readonly journal: Journal;
}

/** Problems go to stderr, one line each. */
const observer: Observer = {
  ...silentObserver,
  alarm: (what, detail) => process.stderr.write(`alarm ${what}: ${detail}\n`),
};
const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_: object, message: string) => process.stderr.write(`${message}\n`),
  error: (_: object, message: string) => process.stderr.write(`${message}\n`),
};

/**
 * Runs `work` with the database open and ends the process with the code it resolves with, or `failureCode` with a line
 * on stderr. Without DATABASE_URL the embedded database is started; where a server runs on it, `beside` says whether
 * that one's is used, otherwise the server has to be stopped.
 */
export async function runWithDatabase(
  work: (tool: DatabaseTool) => Promise<number>,
  { failureCode, beside }: { readonly failureCode: number; readonly beside: boolean },
): Promise<void> {
  const closers: (() => Promise<unknown>)[] = [];
  let code = failureCode;
  try {
    const role = (process.env['DATABASE_URL'] ?? '') === '' ? 'gateway' : 'worker';
    const config = loadConfig(process.env, { role });
    const running = await databaseOf(config, beside);
    closers.push(() => running.stop());
    const { url: databaseUrl } = running;
    const pool = await openPool({ url: databaseUrl, applicationName: 'hongbao-operator' });
    closers.push(() => pool.end());
    code = await work({ config, databaseUrl, observer, pool });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
  for (const close of closers.toReversed()) await close().catch(() => undefined);
  process.exit(code);
}

/** A migrated database; one that a server beside us uses was migrated by it. */
async function databaseOf(config: Config, beside: boolean): Promise<EmbeddedPostgres> {
  const { databaseUrl, dataDir } = config;
  const stop = () => Promise.resolve();
  let running = { url: databaseUrl ?? '', stop };
  if (databaseUrl === undefined) {
    try {
      running = await startEmbeddedPostgres({ dataDir, log: quiet });
    } catch (error) {
      if (!beside || !(error instanceof FolderInUseError)) throw error;
      return { url: await runningEmbeddedUrl(dataDir), stop };
    }
  }
  try {
    await migrate(running.url);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

/** The same with everything open: code 0 when `work` resolves true, 1 otherwise. The embedded server has to be stopped. */
export function runTool(work: (tool: Tool) => Promise<boolean>): Promise<void> {
  return runWithDatabase(
    async (tool) => {
      const { databaseUrl, config, observer: told } = tool;
      const store = await postgresStore({ url: databaseUrl, observer: told, poolMax: 4 });
      let journal: Journal | undefined;
      try {
        const settings = { databaseUrl, redis: config.redis, observer: told, clock: systemClock };
        journal = await openJournal(settings);
        return (await work({ ...tool, store, journal })) ? 0 : 1;
      } finally {
        await Promise.allSettled([journal?.close(), store.close()]);
      }
    },
    { failureCode: 1, beside: false },
  );
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
