/** What the operator's commands share: configuration, database (the embedded one as well), journal. */
import { systemClock } from '../engine/adapters/clock.ts';
import { loadConfig, type Config } from '../engine/config.ts';
import { startEmbeddedPostgres } from '../engine/embedded/postgres.ts';
import { openJournal } from '../engine/journal/open.ts';
import type { Journal } from '../engine/ports/journal.ts';
import { silentObserver, type Observer } from '../engine/ports/observer.ts';
import type { Store } from '../engine/ports/store.ts';
import { migrate } from '../engine/store/migrate.ts';
import { openPool } from '../engine/store/pool.ts';
import { postgresStore } from '../engine/store/postgres.ts';
import type { Pool } from 'pg';

export interface Tool {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly observer: Observer;
  readonly pool: Pool;
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
 * Runs `work` with everything open and ends the process: code 0 when it resolves true, 1 otherwise.
 * Without DATABASE_URL the server has to be stopped: its embedded database is started here instead.
 */
export async function runTool(work: (tool: Tool) => Promise<boolean>): Promise<void> {
  const closers: (() => Promise<unknown>)[] = [];
  let done = false;
  try {
    const role = (process.env['DATABASE_URL'] ?? '') === '' ? 'gateway' : 'worker';
    const config = loadConfig(process.env, { role });
    let { databaseUrl } = config;
    if (databaseUrl === undefined) {
      const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log: quiet });
      closers.push(() => embedded.stop());
      databaseUrl = embedded.url;
    }
    await migrate(databaseUrl);
    const pool = await openPool({ url: databaseUrl, applicationName: 'hongbao-operator' });
    closers.push(() => pool.end());
    const store = await postgresStore({ url: databaseUrl, observer, poolMax: 4 });
    closers.push(() => store.close());
    const settings = { databaseUrl, redis: config.redis, observer, clock: systemClock };
    const journal = await openJournal(settings);
    closers.push(() => journal.close());
    done = await work({ config, databaseUrl, observer, pool, store, journal });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
  for (const close of closers.toReversed()) await close().catch(() => undefined);
  process.exit(done ? 0 : 1);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
