/**
 * The audit: one snapshot, every column from its own records, so that an error in one cannot hide in another.
 * Guards (by telling) invariants 1, 5 and 6.
 */
import { assert } from '../core/assert.ts';
import { statusNumbers } from '../payment/rows.ts';
import { beginSnapshot, transaction } from '../store/pool.ts';
import type { Connection } from '../store/statements.ts';
import { mismatchQueries } from './audit-queries.ts';
import { withdrawalMismatchQueries } from './audit-withdrawals.ts';
import type { BooksContext } from './context.ts';
import type { Audit, AuditAsset } from './types.ts';

/** The audit reads every row there is. */
const auditTimeoutMs = 900_000;

/**
 * Sums per asset. Escrow comes from batches and packets, not from the escrow accounts; those are compared with it
 * by the mismatches. So do `inFlight` and `paidOut` come from the withdrawals, not from the accounts they move through.
 */
const sumQueries = {
  issued: 'SELECT asset, sum(amount)::text AS sum FROM deposit GROUP BY asset',
  users:
    "SELECT asset, sum(amount)::text AS sum FROM entry WHERE owner LIKE 'user:%' GROUP BY asset",
  escrow: `SELECT asset, sum(total - refunded_amount - coalesce(p.opened, 0))::text AS sum
    FROM batch LEFT JOIN (SELECT batch, sum(amount) AS opened FROM packet GROUP BY batch) AS p ON p.batch = batch.id
    WHERE confirmed_at IS NOT NULL GROUP BY asset`,
  inFlight: `SELECT asset, sum(amount)::text AS sum FROM withdrawal
    WHERE status = ${statusNumbers.processing} GROUP BY asset`,
  paidOut: `SELECT asset, sum(amount)::text AS sum FROM withdrawal
    WHERE status = ${statusNumbers.paid} GROUP BY asset`,
} as const;

type Column = keyof typeof sumQueries;

/** Any number; the same in every version of the program, and no other lock's. */
const auditLock = 7_261_936;

/** See `Books.audit`. */
export function audit({ pool }: BooksContext): Promise<Audit> {
  return transaction(pool, auditSnapshot, beginSnapshot);
}

/** See `Books.auditAlone`. */
export function auditAlone({ pool }: BooksContext): Promise<Audit | undefined> {
  return transaction(
    pool,
    async (connection) => {
      // Held until the transaction ends, however it ends.
      const { rows } = await connection.query<{ mine: boolean }>(
        'SELECT pg_try_advisory_xact_lock($1) AS mine',
        [auditLock],
      );
      return rows[0]?.mine === true ? auditSnapshot(connection) : undefined;
    },
    beginSnapshot,
  );
}

async function auditSnapshot(connection: Connection): Promise<Audit> {
  await connection.query(`SET LOCAL statement_timeout = ${auditTimeoutMs}`);
  const sums = new Map<string, Record<Column, bigint>>();
  for (const column of Object.keys(sumQueries) as Column[]) await addSums(connection, sums, column);
  let mismatches = 0;
  for (const query of Object.values({ ...mismatchQueries, ...withdrawalMismatchQueries })) {
    mismatches += await count(connection, query);
  }
  const assets = [...sums].sort(([one], [other]) => (one < other ? -1 : 1));
  const quarantined = await count(connection, 'SELECT FROM batch WHERE quarantined');
  return {
    assets: assets.map(([asset, sum]) => auditAsset(asset, sum)),
    mismatches,
    quarantined: quarantined || undefined,
  };
}

async function addSums(
  connection: Connection,
  sums: Map<string, Record<Column, bigint>>,
  column: Column,
): Promise<void> {
  const { rows } = await slowQuery<{ asset: string; sum: string | null }>(
    connection,
    sumQueries[column],
  );
  for (const { asset, sum } of rows) {
    const row = sums.get(asset) ?? { issued: 0n, users: 0n, escrow: 0n, inFlight: 0n, paidOut: 0n };
    row[column] = BigInt(sum ?? 0);
    sums.set(asset, row);
  }
}

/** Subtracted as bigint: damaged records may sum to anything. */
function auditAsset(asset: string, sum: Record<Column, bigint>): AuditAsset {
  const { issued, users, escrow, inFlight, paidOut } = sum;
  return {
    asset,
    issued: Number(issued),
    users: Number(users),
    escrow: Number(escrow),
    inFlight: Number(inFlight),
    paidOut: Number(paidOut),
    difference: Number(issued - users - escrow - inFlight - paidOut),
  };
}

async function count(connection: Connection, query: string): Promise<number> {
  const { rows } = await slowQuery<{ n: number }>(
    connection,
    `SELECT count(*) AS n FROM (${query}) AS mismatch`,
  );
  const [row] = rows;
  assert(row !== undefined, 'count gives a row');
  return row.n;
}

async function slowQuery<Row extends object>(
  connection: Connection,
  text: string,
): Promise<{ rows: Row[] }> {
  const query = { text, query_timeout: auditTimeoutMs };
  return connection.query<Row>(query);
}
