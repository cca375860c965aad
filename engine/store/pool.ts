/**
 * Connections that may be trusted with money: every one has `synchronous_commit = on` and talks to a primary server
 * that writes through to the disk (DESIGN: Two ways to run). A broken connection is an error of its query, never of
 * the process.
 */
import { Pool, types, type ClientBase, type PoolClient } from 'pg';
import { assert } from '../core/assert.ts';
import { silentObserver, type Observer } from '../ports/observer.ts';
import { sqlState } from './sql-errors.ts';

export interface PoolOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly observer?: Observer | undefined;
  /** Largest number of connections. */
  readonly poolMax?: number | undefined;
  /** More settings of every connection, e.g. `plan_cache_mode=force_generic_plan`. */
  readonly settings?: readonly string[] | undefined;
}

/** The server would lose acknowledged money after a crash, or cannot be written to. The message says what to set. */
export class UnsafeServer extends Error {
  override readonly name = 'UnsafeServer';
}

const poolMaxDefault = 16;
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 30_000;
/** The server's own timeout comes first; this one is for a server that no longer answers. */
const answerTimeoutMs = 40_000;
const lockTimeoutMs = 10_000;
/** A process that stalls inside a transaction loses it, so that another can settle its owner. */
const idleInTransactionTimeoutMs = 30_000;
const versionMin = 15;

const int8Oid = 20;

function parseInt8(text: string): number {
  const value = Number(text);
  assert(Number.isSafeInteger(value), `a bigint beyond the safe integers: ${text}`);
  return value;
}

/** This pool's own reading of values: int8 as safe integer. Other users of the driver keep theirs. */
const ownTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === int8Oid && format !== 'binary') return parseInt8;
    return format === undefined
      ? types.getTypeParser(oid)
      : types.getTypeParser(oid, format as 'text');
  },
};

/** Opens a pool and checks the server once. @throws UnsafeServer, or the driver's error when nobody answers */
export async function openPool(options: PoolOptions): Promise<Pool> {
  const observer = options.observer ?? silentObserver;
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolMax ?? poolMaxDefault,
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // Statements are sent without waiting for the answer of the one before.
    pipeline: true,
    types: ownTypes as typeof types,
    options: [
      '-c synchronous_commit=on',
      '-c default_transaction_isolation=read\\ committed',
      '-c default_transaction_read_only=off',
      `-c statement_timeout=${statementTimeoutMs}`,
      `-c lock_timeout=${lockTimeoutMs}`,
      `-c idle_in_transaction_session_timeout=${idleInTransactionTimeoutMs}`,
      ...(options.settings ?? []).map((setting) => `-c ${setting}`),
    ].join(' '),
    verify: (client, done) => {
      checkServer(client).then(
        () => done(),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  const log = (error: Error) =>
    observer.log('warn', 'postgres connection lost', { error: error.message });
  pool.on('error', log);
  // A client that is checked out has no listener of the pool's.
  pool.on('connect', (client) => client.on('error', log));
  try {
    (await pool.connect()).release();
  } catch (error) {
    await pool.end();
    throw error;
  }
  return pool;
}

/** Checked on each new connection: after a failover it may lead to another server. */
async function checkServer(client: ClientBase): Promise<void> {
  const { rows } = await client.query<ServerSettings>(
    `SELECT current_setting('server_version_num') AS version, pg_is_in_recovery() AS recovery,
       current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit`,
  );
  const row = rows[0];
  assert(row !== undefined, 'a SELECT without FROM gives a row');
  const fault = serverFault(row);
  if (fault !== undefined) throw new UnsafeServer(fault);
}

export interface ServerSettings {
  /** Like `180004`. */
  readonly version: string;
  readonly recovery: boolean;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
}

/** Why money is not safe with such a server, and what to set; undefined when it is. */
export function serverFault(settings: ServerSettings): string | undefined {
  const major = Math.floor(Number(settings.version) / 10_000);
  if (major < versionMin) {
    return `PostgreSQL ${versionMin} or later is needed, this is ${major}: upgrade the server`;
  }
  if (settings.recovery) {
    return 'PostgreSQL is a standby in recovery: set DATABASE_URL to the primary';
  }
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit'] as const) {
    if (settings[name] !== 'on') {
      return `PostgreSQL runs with ${name} = ${settings[name]}: set ${name} = on`;
    }
  }
  return undefined;
}

/** One snapshot for all statements of a read. */
export const beginSnapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/**
 * Runs `work` in one transaction; commits when it resolves, rolls back when it rejects.
 *
 * @throws what `work` throws; after an error of COMMIT the outcome is unknown
 */
export function transaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  begin = 'BEGIN',
): Promise<T> {
  return decidedTransaction(
    pool,
    async (client) => ({ commit: true, value: await work(client) }),
    begin,
  );
}

/** Like `transaction`, but the work decides whether its effect stays. */
export async function decidedTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<{ readonly commit: boolean; readonly value: T }>,
  begin = 'BEGIN',
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // The server may end an idle transaction between two statements; the next one only tells that nobody is there.
  let ended: Error | undefined;
  const noteEnd = (error: Error) => {
    if (sqlState(error) !== undefined) ended ??= error;
  };
  client.on('error', noteEnd);
  try {
    // Awaited: were it to fail, statements sent behind it would each commit by themselves.
    await client.query(begin);
    const { commit, value } = await work(client);
    const { command } = await client.query(commit ? 'COMMIT' : 'ROLLBACK');
    // The server answers COMMIT with ROLLBACK when an error was swallowed on the way.
    assert(
      !commit || command === 'COMMIT',
      'a transaction with a failed statement was to be committed',
    );
    return value;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => {
      broken = failure;
    });
    throw ended ?? error;
  } finally {
    client.off('error', noteEnd);
    client.release(broken);
  }
}
