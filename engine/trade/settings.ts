/** What a member shares in a group: accounts on platforms, and types of trades; replaced as a whole. (T5, T6, c7–c11 ¶80–81) */
import { assert } from '../core/assert.ts';
import { memberAccountsMax, sharedGroupsMax } from '../limits.ts';
import { conversationKind, isConversationId } from '../social/groups.ts';
import { lockGroupOf } from '../social/members.ts';
import { integers } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { carryOut, type Plan, planned } from './account-plan.ts';
import { accountsOf, dropUnused, lockMembers } from './accounts.ts';
import { decide, type TradeContext } from './context.ts';
import { endMappings, wantMappings } from './mappings.ts';
import { pathOf } from './paths.ts';
import { accountKey, wrongSettings } from './rules.ts';
import type {
  AccountView,
  NewSettings,
  PutSettingsResult,
  SharedType,
  TradeSettings,
  WrongSetting,
} from './types.ts';

interface SettingsRow {
  readonly types: readonly SharedType[] | null;
  readonly platform: string | null;
  readonly account: string;
  readonly has_secret: boolean;
  readonly stopped: string | null;
}

/** See `TradeGroups.settings`. */
export function settings(
  context: TradeContext,
  groupId: string,
  userId: string,
): Promise<TradeSettings | undefined> {
  if (!isConversationId(groupId)) return Promise.resolve(undefined);
  return read(context.pool, context, groupId, userId);
}

/** One statement, one snapshot. */
async function read(
  connection: Connection,
  { platforms }: TradeContext,
  groupId: string,
  userId: string,
): Promise<TradeSettings | undefined> {
  const { rows } = await connection.query<SettingsRow>({
    name: 'trade-settings',
    text: `SELECT (SELECT types FROM trade_settings WHERE conversation = $1 AND user_id = $2) AS types,
        platform, account, secret IS NOT NULL AS has_secret, stopped
      FROM member JOIN conversation ON conversation.id = member.conversation
        LEFT JOIN (trade_settings_account AS shared JOIN trade_account ON trade_account.id = shared.trade_account)
          ON shared.conversation = member.conversation AND shared.user_id = member.user_id
      WHERE member.conversation = $1 AND member.user_id = $2 AND kind = ${conversationKind.tradeGroup}
      ORDER BY platform, account`,
    values: [groupId, userId],
  });
  if (rows[0] === undefined) return undefined;
  const accounts = rows.flatMap(({ platform, account, has_secret, stopped }): AccountView[] => {
    if (platform === null) return [];
    const info = platforms.info(platform);
    const path = info && pathOf(info, userId, account, has_secret);
    return [{ platform, account, hasSecret: has_secret, path, stopped: stopped ?? undefined }];
  });
  return { accounts, types: rows[0].types ?? [] };
}

/** See `TradeGroups.putSettings`. */
export async function putSettings(
  context: TradeContext,
  groupId: string,
  userId: string,
  given: NewSettings,
): Promise<PutSettingsResult> {
  const wrong = wrongSettings(given);
  if (wrong.length > 0) return { code: 'wrong_settings', errors: wrong };
  const isKeyless = context.vault === undefined;
  if (isKeyless && given.accounts.some(({ secret }) => secret !== undefined)) {
    return { code: 'secrets_not_configured' };
  }
  return decide<PutSettingsResult>(context, 'put', async (_tx, connection) => {
    const locked = await lockGroupOf(connection, groupId, userId, conversationKind.tradeGroup);
    if (locked === undefined) return { code: 'group_not_found' };
    await lockMembers(connection, [userId]);
    const stored = await accountsOf(connection, userId);
    const known = new Map(stored.map((row) => [accountKey(row), row]));
    const plans: Plan[] = [];
    const errors: WrongSetting[] = [];
    for (const [i, account] of given.accounts.entries()) {
      const plan = planned(context, userId, account, known.get(accountKey(account)), i);
      if ('wrong' in plan) errors.push(plan.wrong);
      else plans.push(plan);
    }
    if (errors.length > 0) return { code: 'wrong_settings', errors };

    const at = context.now();
    const ids: number[] = [];
    for (const plan of plans) ids.push(await carryOut(context, connection, plan, at));
    await replace(connection, { groupId, userId, ids, types: given.types, at });
    await dropUnused(connection, [userId], at);
    const mapped = (isPushed: boolean) =>
      plans.filter(({ path }) => (path === 'push') === isPushed).map(({ row }) => row);
    await wantMappings(connection, mapped(true), at);
    await endMappings(connection, mapped(false), at);
    if (await isTooMuch(connection, userId)) return { code: 'sharing_full' };
    const now = await read(connection, context, groupId, userId);
    assert(now !== undefined, 'the member cannot leave while the group is locked');
    return { code: 'put', settings: now };
  });
}

async function replace(
  connection: Connection,
  {
    groupId,
    userId,
    ids,
    types,
    at,
  }: {
    readonly groupId: string;
    readonly userId: string;
    readonly ids: readonly number[];
    readonly types: readonly SharedType[];
    readonly at: number;
  },
): Promise<void> {
  await connection.query(
    'DELETE FROM trade_settings_account WHERE conversation = $1 AND user_id = $2',
    [groupId, userId],
  );
  if (ids.length > 0) {
    await connection.query(
      `INSERT INTO trade_settings_account (conversation, trade_account, user_id)
       SELECT $1::bigint, id, $2::text FROM unnest($3::bigint[]) AS given (id)`,
      [groupId, userId, integers(ids)],
    );
  }
  await connection.query(
    `INSERT INTO trade_settings (conversation, changed_at, user_id, types) VALUES ($1, $2, $3, $4)
     ON CONFLICT (conversation, user_id) DO UPDATE SET types = excluded.types, changed_at = excluded.changed_at`,
    [groupId, at, userId, JSON.stringify(types)],
  );
}

/** Each account is polled, and each trade becomes a message in each group. */
async function isTooMuch(connection: Connection, userId: string): Promise<boolean> {
  const { rows } = await connection.query<{ accounts: number; groups: number }>(
    `SELECT (SELECT count(*) FROM trade_account WHERE user_id = $1)::int AS accounts,
       (SELECT count(DISTINCT conversation) FROM trade_account
          JOIN trade_settings_account ON trade_account = trade_account.id
        WHERE trade_account.user_id = $1)::int AS groups`,
    [userId],
  );
  const [row] = rows;
  if (row === undefined) return false;
  return row.accounts > memberAccountsMax || row.groups > sharedGroupsMax;
}
