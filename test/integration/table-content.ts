/** What stands in the database, so that a test can say that nothing changed. */
import type { Client } from 'pg';

/** Rows that a user may change, by whose they are. */
export interface OwnRows {
  readonly table: string;
  readonly column: string;
}

/** They change by themselves: heartbeats of nodes, their leases, and the queue's own clockwork. */
const clockwork = new Set(['public.node', 'public.lease', 'bullmq.meta']);

/** Rows and checksum of each table, the journal's too: an event shows as soon as it is acknowledged. */
export async function contentOf(
  database: Client,
  except?: OwnRows & { readonly userId: string },
): Promise<Map<string, string>> {
  const { rows: tables } = await database.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE' ORDER BY 1`,
  );
  const names = tables.map(({ name }) => name).filter((name) => !clockwork.has(name));
  const one = (name: string) =>
    `SELECT '${name}' AS name, count(*) || ' ' || coalesce(sum(hashtextextended(entry::text, 0)), 0) AS content
     FROM ${name} AS entry ${except?.table === name ? `WHERE ${except.column} <> '${except.userId}'` : ''}`;
  const { rows } = await database.query<{ name: string; content: string }>(
    names.map(one).join(' UNION ALL '),
  );
  return new Map(rows.map(({ name, content }) => [name, content]));
}

/** Tables that are not as they were. */
export const differing = (before: Map<string, string>, after: Map<string, string>): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
