/** What every statement file needs: an open transaction, and several statements sent at once. */
import type { PoolClient } from 'pg';
import { isFollowUp } from './sql-errors.ts';

/** A connection inside a transaction. */
export type Connection = Pick<PoolClient, 'query'>;

/**
 * Waits for statements that were sent one behind the other, so that the server works on the first while the next is
 * written. All answers are awaited, then the first error that is not a mere consequence is thrown.
 */
export async function inOrder<T>(statements: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(statements);
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome] : []));
  const first = failures.find(({ reason }) => !isFollowUp(reason)) ?? failures[0];
  if (first !== undefined) throw first.reason as Error;
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<T>).value);
}

/** Rows changed by a statement. */
export async function rowCount(result: Promise<{ rowCount: number | null }>): Promise<number> {
  return (await result).rowCount ?? 0;
}
