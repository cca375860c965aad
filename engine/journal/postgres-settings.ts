/**
 * Guards invariant 3: which PostgreSQL settings make "a commit that was answered is on disk" true.
 *
 * A standby that may be promoted has to be a synchronous one (`synchronous_standby_names`): with
 * `synchronous_commit = on` a commit then waits for its disk too. The server cannot tell whether
 * anybody would promote a standby, so this stays with the operator.
 */
import type { UnsafeSetting } from './unsafe.ts';

/** Columns that `postgresFacts` selects. */
export interface PostgresFacts {
  /** Such as 180004. */
  readonly version: number;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly in_recovery: boolean;
  /** First schema of the search path that exists; null when there is none. */
  readonly schema: string | null;
}

/** Select list that gives PostgresFacts; it reads no table. */
export const postgresFacts = `
  current_setting('server_version_num')::int AS version,
  current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes,
  current_setting('synchronous_commit') AS synchronous_commit,
  pg_is_in_recovery() AS in_recovery,
  current_schema() AS schema`;

const versionMin = 150_000;

/**
 * Every wrong setting, with the line that puts it right.
 *
 * @param schema the schema the connection has to work in; undefined while it may not exist yet
 */
export function unsafePostgres(facts: PostgresFacts, schema: string | undefined): UnsafeSetting[] {
  const unsafe: UnsafeSetting[] = [];
  const found = (text: string, line: string) => unsafe.push({ found: text, line });
  if (facts.version < versionMin) {
    found(`its version is ${Math.floor(facts.version / 10_000)}`, 'PostgreSQL 15 or later');
  }
  if (facts.in_recovery) found('it is a standby', 'DATABASE_URL to the primary');
  if (facts.fsync !== 'on') found(`fsync is ${facts.fsync}`, 'fsync = on');
  if (facts.full_page_writes !== 'on') {
    found(`full_page_writes is ${facts.full_page_writes}`, 'full_page_writes = on');
  }
  // Ours comes with every connection, unless the URL brings options of its own.
  if (facts.synchronous_commit !== 'on') {
    found(`synchronous_commit is ${facts.synchronous_commit}`, 'no "options" in DATABASE_URL');
  } else if (schema !== undefined && facts.schema !== schema) {
    found(`the schema is ${facts.schema ?? 'none'}`, 'no "options" in DATABASE_URL');
  }
  return unsafe;
}
