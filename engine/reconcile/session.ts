/**
 * One database session in which two sides are compared: whatever the size, only a page of it is ever in memory, and what
 * was found stands in a temporary table until it is told.
 */
import type { Pool, PoolClient } from 'pg';
import { reconcilePageRows } from '../limits.ts';
import { statusNumbers } from '../payment/rows.ts';
import type { WithdrawalStatus } from '../payment/state.ts';
import type { ListedPayout } from '../ports/bank.ts';
import type { Difference, DifferenceKind } from './difference.ts';

/** Comparing reads every withdrawal and every packet there is. */
const timeoutMs = 900_000;

/** The order says which state is believed when a list names several: what was decided came later. */
export const stateNumbers = { pending: 1, failed: 2, paid: 3 } as const;

const stateNames = namesOf<ListedPayout['state']>(stateNumbers);
const statusNames = namesOf<WithdrawalStatus>(statusNumbers);

function namesOf<Name extends string>(numbers: Record<Name, number>): Map<number, Name> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number as number, name as Name]));
}

export function stateOf(number: number | null): ListedPayout['state'] | undefined {
  return number === null ? undefined : stateNames.get(number);
}

export function statusOf(number: number | null): WithdrawalStatus | undefined {
  return number === null ? undefined : statusNames.get(number);
}

/** Runs `work` in a session of its own, which ends with it: so do its temporary tables and its locks. */
export async function inSession<T>(
  pool: Pool,
  work: (session: PoolClient) => Promise<T>,
): Promise<T> {
  const session = await pool.connect();
  try {
    await session.query(`SET statement_timeout = ${timeoutMs}`);
    await session.query(
      `CREATE TEMPORARY TABLE found (
         place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text, id text, account text, asset text,
         here smallint, there smallint, amount_here bigint, amount_there bigint, since bigint
       )`,
    );
    return await work(session);
  } finally {
    session.release(true);
  }
}

/** A statement that may read everything. */
export async function slowQuery<Row extends object>(
  session: PoolClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const query = { text, values: [...values], query_timeout: timeoutMs };
  return (await session.query<Row>(query)).rows;
}

/** A sum that fits into a bigint and into a number, whatever damaged records add up to. */
export function bounded(sum: string): string {
  const most = Number.MAX_SAFE_INTEGER;
  return `greatest(least(${sum}, ${most}), -${most})::bigint`;
}

interface FoundRow {
  readonly place: number;
  readonly kind: DifferenceKind;
  readonly id: string;
  readonly account: string;
  readonly asset: string;
  readonly here: number | null;
  readonly there: number | null;
  readonly amount_here: number | null;
  readonly amount_there: number | null;
  readonly since: number | null;
}

/** What stands in `found`, in its order. */
export async function* found(session: PoolClient): AsyncGenerator<Difference> {
  let after = 0;
  for (;;) {
    const { rows } = await session.query<FoundRow>(
      'SELECT * FROM found WHERE place > $1 ORDER BY place LIMIT $2',
      [after, reconcilePageRows],
    );
    if (rows.length === 0) return;
    for (const row of rows) {
      const { kind, id, account, asset, here, there } = row;
      yield {
        kind,
        id,
        account,
        asset,
        here: statusOf(here) ?? '',
        there: stateOf(there) ?? '',
        amountHere: row.amount_here ?? undefined,
        amountThere: row.amount_there ?? undefined,
        since: row.since ?? undefined,
      };
    }
    after = rows.at(-1)?.place ?? after;
  }
}
