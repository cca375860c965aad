/** What the statements of Books share: the pool, the clock, and which transactions are theirs. */
import type { Pool, PoolClient } from 'pg';
import { assert } from '../core/assert.ts';
import { decidedTransaction } from '../store/pool.ts';
import { isRollback } from '../store/sql-errors.ts';
import type { Connection } from '../store/statements.ts';
import type { Tx } from './types.ts';

export interface BooksContext {
  readonly pool: Pool;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A batch older than this can no longer be confirmed. */
  readonly confirmWithinSeconds: number;
}

/** Confirmation comes too late: the batch ends without having moved money. (E3) */
export function isConfirmationOver(
  { now, confirmWithinSeconds }: Pick<BooksContext, 'now' | 'confirmWithinSeconds'>,
  createdAt: number,
): boolean {
  return now() - createdAt > confirmWithinSeconds * 1_000;
}

/** Connections of the open transactions handed out as `Tx`. */
const connections = new WeakMap<Tx, Connection>();

/** A transaction whose work decides whether it stays; `tx` is usable until `work` ends. */
export function inTx<T>(
  pool: Pool,
  work: (
    tx: Tx,
    connection: Connection,
  ) => Promise<{ readonly commit: boolean; readonly value: T }>,
): Promise<T> {
  return decidedTransaction(pool, async (client: PoolClient) => {
    const tx: Tx = { query: (text, values) => client.query(text, values) };
    connections.set(tx, client);
    try {
      return await work(tx, client);
    } finally {
      connections.delete(tx);
    }
  });
}

/** The connection behind a `Tx`. */
export function connectionOf(tx: Tx): Connection {
  const connection = connections.get(tx);
  assert(connection !== undefined, 'a transaction of Books, still open');
  return connection;
}

const attemptsMax = 3;

/** Runs again what the server rolled back in favour of others; the work must have no other effect than its SQL. */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attemptsMax || !isRollback(error)) throw error;
    }
  }
}
