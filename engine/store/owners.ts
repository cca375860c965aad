/** Statements on `owner`, `shard`, `shard_owner` and `journal`. Guards invariant 2: a seal moves only upwards. */
import type { OwnerProgress } from '../ports/store.ts';
import { integers } from './arrays.ts';
import type { Connection } from './statements.ts';

/** A new owner of these shards; its number was never used before. */
export async function insertOwner(
  connection: Connection,
  shards: readonly number[],
): Promise<number> {
  const { rows } = await connection.query<{ number: number }>(
    `WITH taker AS (INSERT INTO owner DEFAULT VALUES RETURNING number),
       taken AS (INSERT INTO shard_owner (shard, number) SELECT s, number FROM taker, unnest($1::smallint[]) AS s)
     SELECT number FROM taker`,
    [integers([...new Set(shards)])],
  );
  return only(rows).number;
}

/** Locks the owner's row; undefined when there is none. Resolves with its `settled`. */
export async function lockOwner(
  connection: Connection,
  number: number,
): Promise<number | undefined> {
  const { rows } = await connection.query<{ settled: number }>({
    name: 'lock-owner',
    text: 'SELECT settled FROM owner WHERE number = $1 FOR UPDATE',
    values: [number],
  });
  return rows[0]?.settled;
}

export async function advanceOwner(
  connection: Connection,
  number: number,
  settled: number,
  dropped: number,
): Promise<void> {
  await connection.query({
    name: 'advance-owner',
    text: 'UPDATE owner SET settled = $2, dropped = dropped + $3 WHERE number = $1',
    values: [number, settled, dropped],
  });
}

/** Earlier owners of these shards that may still have something unsettled: number ≥ `sealed`, ascending. */
export async function selectEarlierOwners(
  connection: Connection,
  shards: readonly number[],
  number: number,
): Promise<number[]> {
  // Shard by shard (OFFSET keeps it so), each from its seal on: the table keeps every take-over there ever was.
  const { rows } = await connection.query<{ number: number }>(
    `SELECT DISTINCT o.number FROM shard CROSS JOIN LATERAL (
       SELECT number FROM shard_owner
       WHERE shard_owner.shard = shard.id AND number >= shard.sealed AND number < $2 OFFSET 0) AS o
     WHERE shard.id = ANY ($1::smallint[]) ORDER BY o.number`,
    [integers(shards), number],
  );
  return rows.map((row) => row.number);
}

/** Of these shards, those sealed above the number. */
export async function selectSealedAbove(
  connection: Connection,
  shards: readonly number[],
  number: number,
): Promise<Set<number>> {
  const { rows } = await connection.query<{ id: number }>({
    name: 'sealed-above',
    text: 'SELECT id FROM shard WHERE id = ANY ($1::smallint[]) AND sealed > $2',
    values: [integers(shards), number],
  });
  return new Set(rows.map(({ id }) => id));
}

/** Seals all of these shards, or none: false when one is sealed above `number`. Locks in ascending order. */
export async function sealShards(
  connection: Connection,
  shards: readonly number[],
  number: number,
  earlier: readonly number[],
): Promise<boolean> {
  await connection.query(
    'SELECT FROM owner WHERE number = ANY ($1::bigint[]) ORDER BY number FOR UPDATE',
    [integers(earlier)],
  );
  const { rows } = await connection.query<{ sealed: number }>(
    'SELECT sealed FROM shard WHERE id = ANY ($1::smallint[]) ORDER BY id FOR UPDATE',
    [integers(shards)],
  );
  if (rows.some(({ sealed }) => sealed > number)) return false;
  await connection.query(
    'UPDATE shard SET sealed = $2 WHERE id = ANY ($1::smallint[]) AND sealed < $2',
    [integers(shards), number],
  );
  return true;
}

export async function selectProgress(
  connection: Connection,
  numbers: readonly number[],
): Promise<OwnerProgress[]> {
  const { rows } = await connection.query<OwnerProgress>({
    name: 'progress',
    text: 'SELECT number, settled, quarantined FROM owner WHERE number = ANY ($1::bigint[])',
    values: [integers(numbers)],
  });
  return rows;
}

/** The journal's id, made at the first call. */
export async function selectJournal(
  connection: Connection,
): Promise<{ id: string; bound: boolean }> {
  await connection.query('INSERT INTO journal DEFAULT VALUES ON CONFLICT DO NOTHING');
  const { rows } = await connection.query<{ id: string; bound: boolean }>(
    'SELECT id, bound FROM journal',
  );
  return only(rows);
}

export async function bindJournal(connection: Connection): Promise<void> {
  await connection.query('UPDATE journal SET bound = true');
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`one row expected, got ${rows.length}`);
  return row;
}
