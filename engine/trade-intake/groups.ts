/**
 * The groups in which accounts are shared, locked. Locks of everything that touches trades are taken in one order:
 * conversations by their ids, then accounts by theirs, then listeners. (T11, c16)
 */
import { integers } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import type { SharedType } from '../trade/types.ts';

export interface LockedGroup {
  readonly id: number;
  readonly last_no: number;
  readonly last_at: number;
}

/** One member's account in one group, with what he chose to share there. */
export interface SharedIn {
  readonly conversation: number;
  readonly trade_account: number;
  readonly types: readonly SharedType[];
}

/** Their rows stay locked until the transaction ends: nothing is said there meanwhile, and nobody comes or leaves. */
export async function lockGroupsOf(
  connection: Connection,
  accountIds: readonly number[],
): Promise<readonly LockedGroup[]> {
  const { rows } = await connection.query<LockedGroup>({
    name: 'trade-lock-groups',
    text: `SELECT id, last_no, last_at FROM conversation
      WHERE id = ANY (ARRAY(SELECT conversation FROM trade_settings_account WHERE trade_account = ANY ($1::bigint[])))
      ORDER BY id FOR NO KEY UPDATE`,
    values: [integers(accountIds)],
  });
  return rows;
}

/**
 * Asked once the groups are locked: who has left or shares no more was answered before, and nothing of his is shown
 * afterwards. (T5)
 */
export async function sharedIn(
  connection: Connection,
  groups: readonly LockedGroup[],
  accountIds: readonly number[],
): Promise<readonly SharedIn[]> {
  if (groups.length === 0) return [];
  const { rows } = await connection.query<SharedIn>({
    name: 'trade-shared-in',
    text: `SELECT conversation, trade_account, coalesce(types, '[]') AS types
      FROM trade_settings_account AS shared JOIN member USING (conversation, user_id)
        LEFT JOIN trade_settings USING (conversation, user_id)
      WHERE conversation = ANY ($1::bigint[]) AND trade_account = ANY ($2::bigint[])
      ORDER BY conversation, trade_account`,
    values: [integers(groups.map(({ id }) => id)), integers(accountIds)],
  });
  return rows;
}
