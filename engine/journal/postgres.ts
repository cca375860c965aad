/** The journal on BullMQ's PostgreSQL backend (DESIGN, "Two ways to run": embedded default). */
import {
  type BackendFactory,
  type PgPool,
  PostgresConnection,
  type PostgresConnectionOptions,
  PostgresQueueBackend,
  Queue,
  runMigrations,
  Worker,
} from 'bullmq';
import type pg from 'pg';
import type { Clock } from '../ports/clock.ts';
import { type Journal, JournalRefusal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import { type Backend, bullmqJournal } from './bullmq.ts';
import type { StartWorker } from './consumer.ts';
import { eventsKeptMax } from './job.ts';
import { ownershipReader } from './owners.ts';
import { ownersTables, postgresOwners } from './postgres-owners.ts';
import {
  bullmqPool,
  migrationClient,
  patientPool,
  producerPool,
  workerPool,
} from './postgres-pool.ts';
import { type PostgresFacts, postgresFacts, unsafePostgres } from './postgres-settings.ts';
import { type Reporter, reasonOf, reporter } from './reporter.ts';
import { refuseUnsafe } from './unsafe.ts';

export interface PostgresJournalOptions {
  /** `postgres://`, without `options` of its own. */
  readonly url: string;
  /** Schema of BullMQ's tables and ours; separates journals in one database. Default `bullmq`. */
  readonly schema?: string;
  readonly observer: Observer;
  readonly clock: Clock;
}

const queueName = 'journal';

/**
 * Checks the server, brings BullMQ's tables and ours up to date, and opens the journal.
 *
 * Every operation rejects within about 7 s when the server is away or hangs, and works again by
 * itself. The settings are checked again with every read of ownership, without which nothing is
 * released.
 *
 * @throws JournalUnsafe when a job could be lost there, naming each setting and the line to set
 */
export async function postgresJournal(options: PostgresJournalOptions): Promise<Journal> {
  const { url, schema = 'bullmq', observer, clock } = options;
  const report = reporter(observer, clock);
  const onError = (error: unknown) => report.report('warn', 'journal connection', error);
  await prepare(migrationClient(url, schema), schema, onError);

  const pool = producerPool(url, schema);
  pool.on('error', onError);
  try {
    const { rows } = await pool.query<PostgresFacts>(`SELECT ${postgresFacts}`);
    if (rows[0] !== undefined) refuseUnsafe('DATABASE_URL', unsafePostgres(rows[0], schema));
    const queue = new Queue<
      string,
      void,
      string,
      string,
      void,
      string,
      PostgresQueueBackend,
      PostgresConnectionOptions
    >(
      queueName,
      { connection: bullmqPool(pool), streams: { events: { maxLen: eventsKeptMax } } },
      backendIn(schema),
    );
    queue.on('error', onError);
    await queue.waitUntilReady();
    // Also waits until the limit of the events stands in the queue's settings.
    await queue.getVersion();

    const owners = postgresOwners(pool, schema);
    const backend: Backend = {
      // A connection to anything but a primary with our tables cannot write.
      ready: () => Promise.resolve(),
      read: (ids) => readPayloads(pool, ids),
      ownership: ownershipReader(owners.ask),
      take: owners.take,
      bind: owners.bind,
      pressure: () => Promise.resolve({ ratio: 0 }),
      refusal,
      startWorker: workerStarter(
        () => workerPool(url, schema),
        { name: queueName, schema },
        clock,
        report,
      ),
      close: () => pool.end(),
    };
    return bullmqJournal({ queue, backend, reporter: report, clock });
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** Brings BullMQ's tables and ours up to date. */
export async function prepare(
  client: pg.Client,
  schema: string,
  onError: (error: unknown) => void,
): Promise<void> {
  client.on('error', onError);
  try {
    await client.connect();
  } catch (error) {
    throw new Error(`DATABASE_URL: no connection: ${reasonOf(error)}`, { cause: error });
  }
  try {
    const { rows } = await client.query<PostgresFacts>(`SELECT ${postgresFacts}`);
    if (rows[0] !== undefined) refuseUnsafe('DATABASE_URL', unsafePostgres(rows[0], undefined));
    // Takes an advisory lock of its own.
    await runMigrations(client, schema);
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`hongbao journal ${schema}`]);
    await client.query(ownersTables);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}

/** Told a ready pool, BullMQ looks for its tables in its default schema only; here, in ours. */
export function backendIn(
  schema: string,
): BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> {
  class SchemaConnection extends PostgresConnection {
    override readonly schema: string = schema;
  }
  return (name, options, { withBlockingConnection = false } = {}) => {
    const connection = new SchemaConnection(options.connection);
    const listenerName = withBlockingConnection ? name : undefined;
    return new PostgresQueueBackend(connection, name, options, true, listenerName);
  };
}

/** One row per id asked, in that order; on a standby, which may miss jobs, it does not answer. */
const readStatement = `
SELECT job.data #>> '{}' AS payload, pg_is_in_recovery() AS in_recovery
FROM unnest($2::text[]) WITH ORDINALITY AS asked (id, place)
LEFT JOIN job ON job.queue = $1 AND job.id = asked.id
ORDER BY asked.place`;

interface ReadRow {
  readonly payload: string | null;
  readonly in_recovery: boolean;
}

async function readPayloads(
  pool: pg.Pool,
  ids: readonly string[],
): Promise<readonly (string | undefined)[]> {
  const query = { name: 'journal-read', text: readStatement, values: [queueName, ids] };
  const { rows } = await pool.query<ReadRow>(query);
  if (rows.length !== ids.length) throw new Error('DATABASE_URL: incomplete answer');
  return rows.map(({ payload, in_recovery }) => {
    if (in_recovery) throw new Error('DATABASE_URL: the server became a standby');
    // Of damaged data that is no string the text as it stands: settling sees the damage and not a gap.
    return payload ?? undefined;
  });
}

/** Data exceptions and limits of the server: the same bytes are refused every time. */
function refusal(error: unknown): JournalRefusal | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|54)/.test(code) ? new JournalRefusal(reasonOf(error)) : undefined;
}

export function workerStarter(
  openPool: () => pg.Pool,
  queue: { readonly name: string; readonly schema: string },
  clock: Clock,
  report: Reporter,
): StartWorker {
  const onError = (error: unknown) => report.report('warn', 'journal worker', error);
  return (process, settings) => {
    const pool = openPool();
    pool.on('error', onError);
    const connection: PgPool = patientPool(pool, clock);
    const worker = new Worker(
      queue.name,
      process,
      { ...settings, connection },
      backendIn(queue.schema),
    );
    worker.on('error', onError);
    return {
      async ready() {
        await worker.waitUntilReady();
      },
      close: () => worker.close(),
      disconnect: () => pool.end(),
    };
  };
}
