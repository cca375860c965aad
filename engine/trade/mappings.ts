/**
 * Path A: what platforms are to be told of whose account is whose; a worker tells them. Written in the transaction that
 * makes it true. A change forgets what was told: word of the opposite may still be under way. (T8, c14 ¶86)
 */
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';

export interface Mapped {
  readonly platform: string;
  readonly account: string;
  readonly user_id: string;
}

const columns = (rows: readonly Mapped[]) => [
  texts(rows.map(({ platform }) => platform)),
  texts(rows.map(({ account }) => account)),
  texts(rows.map(({ user_id }) => user_id)),
];

export async function wantMappings(
  connection: Connection,
  rows: readonly Mapped[],
  at: number,
): Promise<void> {
  if (rows.length === 0) return;
  await connection.query(
    `INSERT INTO trade_mapping (changed_at, next_try_at, wanted, platform, account, user_id)
     SELECT $1::bigint, $1::bigint, true, platform, account, user_id
     FROM unnest($2::text[], $3::text[], $4::text[]) AS given (platform, account, user_id)
     ORDER BY platform, account, user_id
     ON CONFLICT (platform, account, user_id) DO UPDATE
     SET wanted = true, told = NULL, changed_at = excluded.changed_at, next_try_at = excluded.next_try_at, tries = 0
     WHERE NOT trade_mapping.wanted`,
    [at, ...columns(rows)],
  );
}

/** Where nothing was wanted there is nothing to be told. */
export async function endMappings(
  connection: Connection,
  rows: readonly Mapped[],
  at: number,
): Promise<void> {
  if (rows.length === 0) return;
  await connection.query(
    `UPDATE trade_mapping SET wanted = false, told = NULL, changed_at = $1::bigint, next_try_at = $1::bigint, tries = 0
     FROM unnest($2::text[], $3::text[], $4::text[]) AS given (platform, account, user_id)
     WHERE trade_mapping.platform = given.platform AND trade_mapping.account = given.account
       AND trade_mapping.user_id = given.user_id AND trade_mapping.wanted`,
    [at, ...columns(rows)],
  );
}
