/**
 * Guards invariant 2 (single owner): the owners' table in PostgreSQL, each operation one statement.
 */
import { randomInt } from 'node:crypto';
import type pg from 'pg';
import type { OwnershipAnswer } from './owners.ts';
import { type PostgresFacts, postgresFacts, unsafePostgres } from './postgres-settings.ts';
import { refuseUnsafe } from './unsafe.ts';

/**
 * Tables beside BullMQ's. `journal_run` is unlogged on purpose: PostgreSQL empties it whenever it
 * recovers, also when one crashed backend makes the server start over without a new process.
 */
export const ownersTables = `
CREATE TABLE IF NOT EXISTS journal_meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id text,
  takes bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS journal_owner (
  shard integer PRIMARY KEY,
  number bigint NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS journal_run (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  token text NOT NULL
)`;

/**
 * $1 known version. The run is of the server that took the snapshot, later than the snapshot: a
 * restart in between would have broken the connection. The settings ride along, so that they are
 * checked on every read.
 */
const readStatement = `
WITH run AS (
  SELECT (SELECT token FROM journal_run) AS token,
    concat_ws('/',
      (SELECT system_identifier FROM pg_control_system()),
      extract(epoch FROM pg_postmaster_start_time()),
      CASE WHEN pg_is_in_recovery() THEN 'standby'
        ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
      (SELECT token FROM journal_run)) AS id
), meta AS (
  SELECT run.token, run.id AS run, m.id, concat_ws('/', run.id, m.id, m.takes) AS table_version
  FROM run LEFT JOIN journal_meta m ON true
)
SELECT token, run, id, table_version,
  CASE WHEN table_version <> $1 THEN coalesce(
    (SELECT string_agg(shard || ',' || number, ',') FROM journal_owner), '') END AS pairs,
  ${postgresFacts}
FROM meta`;

interface ReadRow extends PostgresFacts {
  /** Random name of the server's run; null when nobody has asked since it recovered. */
  readonly token: string | null;
  readonly run: string;
  readonly id: string | null;
  readonly table_version: string;
  readonly pairs: string | null;
}

const newRunStatement = `
INSERT INTO journal_run (token) VALUES (gen_random_uuid()::text) ON CONFLICT DO NOTHING`;

/**
 * $1 shards, $2 number, $3 start of the counter. The counter's row comes first, so that two takes
 * queue up instead of deadlocking. It always moves, also when a repeated take finds its work done:
 * the repetition then waits for a synchronous standby that the first one may not have reached.
 */
const takeStatement = `
WITH counted AS (
  INSERT INTO journal_meta AS m (takes) VALUES ($3)
  ON CONFLICT (one) DO UPDATE SET takes = m.takes + 1
  RETURNING m.one
)
INSERT INTO journal_owner AS o (shard, number)
SELECT DISTINCT shard, $2::bigint FROM counted, unnest($1::int[]) AS shard
ON CONFLICT (shard) DO UPDATE SET number = excluded.number WHERE o.number < excluded.number`;

/** $1 journal id, $2 start of the counter. */
const bindStatement = `
INSERT INTO journal_meta AS m (id, takes) VALUES ($1, $2)
ON CONFLICT (one) DO UPDATE SET id = coalesce(m.id, excluded.id)
RETURNING m.id`;

export interface PostgresOwners {
  readonly ask: (knownVersion: string) => Promise<OwnershipAnswer>;
  readonly take: (shards: readonly number[], number: number) => Promise<void>;
  readonly bind: (journalId: string) => Promise<string>;
}

/** @param schema the schema of the tables, which the pool's connections must be in */
export function postgresOwners(pool: pg.Pool, schema: string): PostgresOwners {
  const read = async (knownVersion: string): Promise<ReadRow> => {
    const query = { name: 'journal-ownership', text: readStatement, values: [knownVersion] };
    const { rows } = await pool.query<ReadRow>(query);
    const row = rows[0];
    if (row === undefined) throw new Error('DATABASE_URL: no answer about ownership');
    refuseUnsafe('DATABASE_URL', unsafePostgres(row, schema));
    return row;
  };
  return {
    async ask(knownVersion) {
      let row = await read(knownVersion);
      if (row.token === null) {
        // The first one to ask since the server recovered gives this run its name.
        await pool.query(newRunStatement);
        row = await read(knownVersion);
      }
      return {
        journalId: row.id ?? undefined,
        runId: row.run,
        version: row.table_version,
        pairs: row.pairs === null ? undefined : row.pairs.split(',').filter((part) => part !== ''),
      };
    },
    async take(shards, number) {
      await pool.query(takeStatement, [shards, number, counterStart()]);
    },
    async bind(journalId) {
      const { rows } = await pool.query<{ id: string }>(bindStatement, [journalId, counterStart()]);
      const id = rows[0]?.id;
      if (id === undefined) throw new Error('DATABASE_URL: the journal id did not stand');
      return id;
    },
  };
}

/** Random, so that a store wiped and bound again never comes back to a version known before. */
function counterStart(): number {
  return randomInt(2 ** 40);
}
