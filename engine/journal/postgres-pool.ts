/**
 * PostgreSQL connections on which a commit is on disk before it is answered, and on which nothing
 * waits for ever: every wait has a bound on the server and a later one here, for a server that hangs.
 */
import { type PgPool, type PgPoolClient, quoteSchemaName } from 'bullmq';
import pg from 'pg';
import { type Clock, sleep } from '../ports/clock.ts';

/** Bounds in milliseconds; `answer` must be above `statement`. */
interface Bounds {
  readonly connect: number;
  readonly statement: number;
  readonly answer: number;
}

const producerBounds: Bounds = { connect: 3_000, statement: 3_000, answer: 3_500 };
const workerBounds: Bounds = { connect: 5_000, statement: 10_000, answer: 12_000 };
/** Migrations of several processes queue up behind each other. */
const migrationBounds: Bounds = { connect: 10_000, statement: 60_000, answer: 65_000 };

/** An add and an ownership read at a time, and readers for settling. */
const producerConnectionsMax = 4;
/** One of them only listens; the others commit completions, which share their flushes to disk. */
const workerConnectionsMax = 6;
const errorPauseMs = 100;

export function producerPool(url: string, schema: string): pg.Pool {
  return new pg.Pool({ ...settings(url, schema, producerBounds), max: producerConnectionsMax });
}

export function workerPool(url: string, schema: string): pg.Pool {
  return new pg.Pool({ ...settings(url, schema, workerBounds), max: workerConnectionsMax });
}

/**
 * For queues that may forget: nobody waits for the disk. Jobs that wait for their time are many, and those due are few:
 * plans that were made for an empty table, or for any time, would read all of them for each job.
 */
export function forgetfulPool(url: string, schema: string, max: number): pg.Pool {
  const forgetful = ['synchronous_commit=off', 'enable_seqscan=off'];
  return new pg.Pool({ ...settings(url, schema, workerBounds, forgetful), max });
}

/** A single connection, not connected yet. */
export function migrationClient(url: string, schema: string): pg.Client {
  return new pg.Client(settings(url, schema, migrationBounds));
}

function settings(
  url: string,
  schema: string,
  bounds: Bounds,
  more: readonly string[] = ['synchronous_commit=on'],
): pg.ClientConfig {
  return {
    connectionString: url,
    // Sent when the connection starts, so there is no moment without them.
    options: [...more, `search_path=${quoteSchemaName(schema)}`]
      .map((setting) => `-c ${setting}`)
      .join(' '),
    application_name: 'hongbao-journal',
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: bounds.connect,
    statement_timeout: bounds.statement,
    query_timeout: bounds.answer,
  };
}

/** The pool as BullMQ's types want it: its own subset of pg's, which pg's types only nearly fit. */
export function bullmqPool(pool: pg.Pool): PgPool {
  return pool as unknown as PgPool;
}

/**
 * The pool as BullMQ's worker sees it. A server that refuses statements refuses them at once;
 * without the pause the worker would ask again in a tight loop.
 */
export function patientPool(pool: pg.Pool, clock: Clock): PgPool {
  const patient: PgPool = {
    async query<R>(text: string, values?: readonly unknown[]) {
      try {
        const { rows } = await pool.query(text, values === undefined ? undefined : [...values]);
        return { rows: rows as R[] };
      } catch (error) {
        await sleep(clock, errorPauseMs);
        throw error;
      }
    },
    connect: async () => (await pool.connect()) as unknown as PgPoolClient,
    end: () => pool.end(),
    on(event: 'error' | 'connect', listener: (of: never) => void) {
      pool.on(event as 'error', listener as (error: Error) => void);
      return patient;
    },
    removeAllListeners(event?: string) {
      pool.removeAllListeners(event);
      return patient;
    },
  };
  return patient;
}
