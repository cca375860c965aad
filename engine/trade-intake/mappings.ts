/**
 * Mappings of accounts to members, told to platforms: what is due, and what came of telling it. Path A. (T8, c14, ¶86)
 *
 * A mapping stands in Postgres until the platform knows, so none is forgotten. Who tells one has it for a while; whatever
 * changed meanwhile, or was told by two at a time in an order that nobody knows, is told again.
 */
import type { Pool } from 'pg';
import { mappingLeaseMs, mappingRetryMsMax, mappingRetryMsMin } from '../limits.ts';
import type { IntakeContext } from './context.ts';

export interface DueMapping {
  readonly platform: string;
  readonly account: string;
  readonly userId: string;
  /** What the platform is to know: to push, or not to push any more. */
  readonly wanted: boolean;
  /** Of this claim. */
  readonly tries: number;
  readonly changedAt: number;
}

export interface TradeMappings {
  /** Mappings of the platform that are due, claimed for `mappingLeaseMs`. */
  claim(platform: string, limit: number): Promise<readonly DueMapping[]>;
  /** @param isTold false: the platform may or may not know */
  settle(mapping: DueMapping, isTold: boolean): Promise<void>;
}

interface MappingRow {
  readonly platform: string;
  readonly account: string;
  readonly user_id: string;
  readonly wanted: boolean;
  readonly tries: number;
  readonly changed_at: number;
}

async function claim(
  { pool, now }: IntakeContext,
  platform: string,
  limit: number,
): Promise<readonly DueMapping[]> {
  const { rows } = await pool.query<MappingRow>({
    name: 'trade-claim-mappings',
    text: `WITH due AS (
        SELECT platform, account, user_id FROM trade_mapping
        WHERE next_try_at <= $1 AND platform = $2
        ORDER BY next_try_at LIMIT $3 FOR UPDATE SKIP LOCKED)
      UPDATE trade_mapping AS mapping SET next_try_at = $1 + ${mappingLeaseMs}, tries = tries + 1
      FROM due WHERE (mapping.platform, mapping.account, mapping.user_id) = (due.platform, due.account, due.user_id)
      RETURNING mapping.platform, mapping.account, mapping.user_id, wanted, tries, changed_at`,
    values: [now(), platform, limit],
  });
  return rows.map(({ user_id: userId, changed_at: changedAt, ...row }) => ({
    ...row,
    userId,
    changedAt,
  }));
}

async function settle(
  { pool, now, meter }: IntakeContext,
  { platform, account, userId, wanted, tries, changedAt }: DueMapping,
  isTold: boolean,
): Promise<void> {
  meter.mapped(platform, isTold ? 'told' : 'failed');
  const values = [platform, account, userId, tries, changedAt, wanted];
  const isMine =
    '(platform, account, user_id) = ($1, $2, $3) AND (tries, changed_at, wanted) = ($4, $5, $6)';
  if (!isTold) {
    const retryAt =
      now() + Math.min(mappingRetryMsMin * 2 ** Math.min(tries - 1, 20), mappingRetryMsMax);
    const { rowCount } = await pool.query(
      `UPDATE trade_mapping SET next_try_at = $7 WHERE ${isMine} AND next_try_at IS NOT NULL`,
      [...values, retryAt],
    );
    if (rowCount === 1) return;
  } else {
    if (wanted) {
      const { rowCount } = await pool.query(
        `UPDATE trade_mapping SET told = true, next_try_at = NULL WHERE ${isMine}`,
        values,
      );
      if (rowCount === 1) return;
    } else if (await end(pool, isMine, values, now())) return;
  }
  // It has changed, or somebody else has told it too. Once nobody is at it any more it is told as it stands then.
  await pool.query(
    `UPDATE trade_mapping SET told = NULL, tries = tries + 1, next_try_at = greatest(coalesce(next_try_at, 0), $4)
     WHERE (platform, account, user_id) = ($1, $2, $3)`,
    [platform, account, userId, now()],
  );
}

/**
 * A platform that keeps one member for an account has now nobody for it: those who share it as well are told again.
 * @returns whether it ended
 */
async function end(
  pool: Pool,
  isMine: string,
  values: readonly unknown[],
  at: number,
): Promise<boolean> {
  const { rows } = await pool.query(
    `WITH ended AS (DELETE FROM trade_mapping WHERE ${isMine} RETURNING platform, account),
       others AS (
         UPDATE trade_mapping AS other SET told = NULL, tries = tries + 1, next_try_at = $7 FROM ended
         WHERE (other.platform, other.account) = (ended.platform, ended.account) AND other.wanted AND other.user_id <> $3)
     SELECT FROM ended`,
    [...values, at],
  );
  return rows.length === 1;
}

export function postgresMappings(context: IntakeContext): TradeMappings {
  return {
    claim: (platform, limit) => claim(context, platform, limit),
    settle: (mapping, isTold) => settle(context, mapping, isTold),
  };
}
