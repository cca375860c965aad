import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';

/** A database of the test's own. */
export type TestDatabase = {
  readonly url: string;
  /** Removes it, and ends whatever is still connected to it. */
  drop(): Promise<void>;
};

const templateName = 'hongbao_template';
/** Any number, the same in all test processes. */
const templateLock = 7_042_026;
const objectInUse = '55006';
const copyAttemptsMax = 50;
const copyPauseMs = 100;

/**
 * A new database with all migrations applied, a copy of a template that the first test makes.
 *
 * @param options.migrated false gives an empty one
 */
export async function freshDatabase(
  options: { readonly migrated?: boolean } = {},
): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(async (server) => {
    if (options.migrated === false) {
      await server.query(`CREATE DATABASE ${name} TEMPLATE template0`);
      return;
    }
    await ensureTemplate(server);
    await copyTemplate(server, name);
  });
  return {
    url: urlOf(name),
    drop: () =>
      onServer(async (server) => {
        await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

/** Connection URL of another database on the run's server. */
function urlOf(name: string): string {
  const url = new URL(inject('pgUrl'));
  url.pathname = `/${name}`;
  return url.href;
}

async function ensureTemplate(server: Client): Promise<void> {
  await server.query('SELECT pg_advisory_lock($1)', [templateLock]);
  try {
    const { rows } = await server.query<{ datistemplate: boolean }>(
      'SELECT datistemplate FROM pg_database WHERE datname = $1',
      [templateName],
    );
    if (rows[0]?.datistemplate === true) return;
    // Left by a test process that died before it was complete.
    await server.query(`DROP DATABASE IF EXISTS ${templateName} WITH (FORCE)`);
    await server.query(`CREATE DATABASE ${templateName} TEMPLATE template0`);
    const { migrate } = await import('../../engine/store/migrate.ts');
    await migrate(urlOf(templateName));
    await server.query(`ALTER DATABASE ${templateName} IS_TEMPLATE true`);
  } finally {
    await server.query('SELECT pg_advisory_unlock($1)', [templateLock]);
  }
}

/** A connection that migrate() closed may be on the server for a moment longer. */
async function copyTemplate(server: Client, name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await server.query(`CREATE DATABASE ${name} TEMPLATE ${templateName}`);
      return;
    } catch (error) {
      const inUse = error instanceof Error && 'code' in error && error.code === objectInUse;
      if (!inUse || attempt === copyAttemptsMax) throw error;
      await server.query('SELECT pg_sleep($1)', [copyPauseMs / 1_000]);
    }
  }
}

async function onServer(work: (server: Client) => Promise<void>): Promise<void> {
  const server = new Client({ connectionString: urlOf('postgres') });
  server.on('error', () => undefined);
  await server.connect();
  try {
    await work(server);
  } finally {
    await server.end();
  }
}
