/** Migrations: plain SQL files, append-only, applied in the order of their names under a lock. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { Client } from 'pg';

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** The database was migrated by another version of this program, or a file was changed after it was applied. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

const folder = new URL('./migrations/', import.meta.url);
/** Any number; the same in every version of the program. */
const migrationLock = 7_261_935;

/**
 * Brings the database at `url` to this program's schema; safe to run from many processes at once. (E4, E5, E8)
 *
 * @throws MigrationError when an applied file is changed or unknown here; then nothing is applied
 */
export async function migrate(url: string): Promise<void> {
  const files = await readMigrations();
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    // Released with the connection, so a killed process leaves no lock behind.
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    await client.query(
      `CREATE TABLE IF NOT EXISTS migration (
         name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const applied = await client.query<{ name: string; checksum: string }>(
      'SELECT name, checksum FROM migration ORDER BY name COLLATE "C"',
    );
    for (const migration of missing(files, applied.rows)) await applyOne(client, migration);
  } finally {
    await client.end();
  }
}

async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      // Line ends may differ between checkouts.
      const checksum = createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
      return { name, sql, checksum };
    }),
  );
}

/** Files not applied yet, after checking that the applied ones are a prefix of ours, unchanged. */
function missing(
  files: readonly Migration[],
  applied: readonly { readonly name: string; readonly checksum: string }[],
): readonly Migration[] {
  for (const [i, { name, checksum }] of applied.entries()) {
    const file = files[i];
    if (file?.name !== name) {
      throw new MigrationError(
        `the database has migration ${name}, which this version does not know: start a newer version`,
      );
    }
    if (file.checksum !== checksum) {
      throw new MigrationError(
        `migration ${name} was changed after it was applied: restore the file`,
      );
    }
  }
  return files.slice(applied.length);
}

async function applyOne(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO migration (name, checksum) VALUES ($1, $2)', [name, checksum]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
