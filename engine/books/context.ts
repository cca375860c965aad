/** What the statements of Books share: the pool, the clock, and which transactions are theirs. */
import type { Pool, PoolClient } from 'pg';
import { assert } from '../core/assert.ts';
import { type NewPush, writePushes } from '../push/write.ts';
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

interface Open {
  readonly connection: Connection;
  readonly pushes: NewPush[];
  /** Of the newest push, in ms since the epoch. */
  pushedAt: number;
}

/** The open transactions handed out as `Tx`. */
const transactions = new WeakMap<Tx, Open>();

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
    const open: Open = { connection: client, pushes: [], pushedAt: 0 };
    transactions.set(tx, open);
    try {
      const decided = await work(tx, client);
      if (decided.commit) await writePushes(client, open.pushes, open.pushedAt);
      return decided;
    } finally {
      transactions.delete(tx);
    }
  });
}

/** The connection behind a `Tx`. */
export function connectionOf(tx: Tx): Connection {
  return openOf(tx).connection;
}

/** Pushes when the transaction commits, as the last thing it locks. */
export function pushAtEnd(tx: Tx, push: NewPush, at: number): void {
  const open = openOf(tx);
  open.pushes.push(push);
  open.pushedAt = Math.max(open.pushedAt, at);
}

function openOf(tx: Tx): Open {
  const open = transactions.get(tx);
  assert(open !== undefined, 'a transaction of Books, still open');
  return open;
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
