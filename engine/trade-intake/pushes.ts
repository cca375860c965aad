/**
 * Pushes of platforms; the name of a delivery is kept in the transaction that takes the last of it in. Paths A and C.
 * (T8, T10, c14, ¶86, ¶88)
 *
 * Guards invariant 4 for pushes: a delivery takes effect once.
 */
import { inTx, retried } from '../books/context.ts';
import { assert } from '../core/assert.ts';
import type { PushedFor } from '../ports/trade-platform.ts';
import { integers, texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import type { PlatformConfig } from '../trade-http/config.ts';
import { type Taken, takeIn } from './accept.ts';
import type { Arrival } from './arrivals.ts';
import type { IntakeContext } from './context.ts';
import type { PushTaken, TradePush } from './port.ts';
import { type Origin, quarantined, quarantinedMalformed } from './quarantine.ts';
import { inspect } from './safety.ts';
import { sliced } from './slices.ts';

interface AccountRow {
  readonly id: number;
  readonly user_id: string;
  readonly account: string;
}

async function takeTrades(
  context: IntakeContext,
  platform: string,
  push: Extract<TradePush, { code: 'trades' }>,
): Promise<'accepted' | 'repeated' | 'unknown_account'> {
  const config = context.platforms.get(platform);
  assert(config !== undefined, 'a platform that pushes is configured');
  const at = context.now();
  const { deliveryId, pushedFor } = push;
  const origin: Origin = { platform, path: pushedFor.kind === 'same' ? 'same' : 'push' };
  const { safe, refused } = inspect(push.trades, { ...config, account: undefined, now: at });
  const bad = [
    ...refused.map((one) => quarantined(origin, one)),
    ...push.malformed.map((one) => quarantinedMalformed(origin, one)),
  ];
  const accounts = [...new Set(safe.map(({ account }) => account))];
  const owners = await ownersOf(context.pool, config, accounts, pushedFor);
  const known = Map.groupBy(owners, ({ account }) => account);
  const arrivals = safe.flatMap((trade) =>
    (known.get(trade.account) ?? []).map(({ id, user_id }) => ({
      userId: user_id,
      accountId: id,
      trade,
    })),
  );
  const slices = await sliced(context.pool, platform, arrivals);
  for (const [i, slice] of slices.entries()) {
    const isLast = i === slices.length - 1;
    const result = await retried(() =>
      inTx<Taken | 'repeated' | 'moved'>(context.pool, async (tx, connection) => {
        const ask = isLast ? noteDelivery : isNewDelivery;
        if (!(await ask(connection, platform, deliveryId, at))) {
          return { commit: false, value: 'repeated' };
        }
        const acceptance = { tx, connection, origin, publicUrl: context.publicUrl, at };
        const taken = await takeIn(acceptance, slice, isLast ? bad : [], () =>
          holdAccounts(connection, slice),
        );
        return { commit: taken !== undefined, value: taken ?? 'moved' };
      }),
    );
    if (result === 'moved') throw new AccountsMoved();
    if (result === 'repeated') return 'repeated';
    context.meter.taken(platform, origin.path, result);
  }
  return known.size < accounts.length ? 'unknown_account' : 'accepted';
}

/** An account was removed, or has another secret and so another row, since it was looked for. */
class AccountsMoved extends Error {
  override readonly name = 'AccountsMoved';
}

const attemptsMax = 5;

/** See `TradeIntake.take`. */
export async function takePush(
  context: IntakeContext,
  platform: string,
  push: TradePush,
): Promise<PushTaken> {
  const { meter } = context;
  if (push.code !== 'trades') {
    meter.pushed(platform, push.code);
    return push.code;
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await takeTrades(context, platform, push);
      meter.pushed(platform, result);
      return result === 'repeated' ? 'repeated' : 'taken';
    } catch (error) {
      if (attempt === attemptsMax || !(error instanceof AccountsMoved)) throw error;
    }
  }
}

/** @returns false: not all of them are there any more; else they stay as they are until the transaction ends */
async function holdAccounts(
  connection: Connection,
  arrivals: readonly Arrival[],
): Promise<boolean> {
  const ids = [...new Set(arrivals.map(({ accountId }) => accountId))];
  if (ids.length === 0) return true;
  const { rows } = await connection.query({
    name: 'trade-hold-accounts',
    text: 'SELECT FROM trade_account WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE',
    values: [integers(ids)],
  });
  return rows.length === ids.length;
}

async function isNewDelivery(
  connection: Connection,
  platform: string,
  deliveryId: string,
): Promise<boolean> {
  const { rowCount } = await connection.query({
    name: 'trade-known-delivery',
    text: 'SELECT FROM trade_delivery WHERE (platform, delivery_id) = ($1, $2)',
    values: [platform, deliveryId],
  });
  return rowCount === 0;
}

/** @returns false: it was taken before. The same at the same time waits here for what becomes of the first */
async function noteDelivery(
  connection: Connection,
  platform: string,
  deliveryId: string,
  at: number,
): Promise<boolean> {
  const { rowCount } = await connection.query({
    name: 'trade-delivery',
    text: `INSERT INTO trade_delivery (at, platform, delivery_id) VALUES ($1, $2, $3)
      ON CONFLICT (platform, delivery_id) DO NOTHING`,
    values: [at, platform, deliveryId],
  });
  return rowCount === 1;
}

/**
 * Members who have given these accounts, as far as the push is for them. A push that names nobody but the account is for
 * those who have proved that it is theirs, by a secret with which it was polled or by their user id; of those who have
 * merely entered it only where the platform is configured to push for accounts that are the members' own.
 */
async function ownersOf(
  connection: Connection,
  { name: platform, paths }: PlatformConfig,
  accounts: readonly string[],
  pushedFor: PushedFor,
): Promise<readonly AccountRow[]> {
  if (accounts.length === 0) return [];
  const { rows } = await connection.query<AccountRow>({
    name: 'trade-owners',
    text: `SELECT id, user_id, account FROM trade_account
      WHERE platform = $1 AND account = ANY ($2::text[]) AND stopped IS NULL
        AND CASE $3 WHEN 'member' THEN user_id = $4 WHEN 'same' THEN user_id = account
          ELSE CASE WHEN secret IS NOT NULL THEN polled_at IS NOT NULL ELSE $5 OR user_id = account END END
      ORDER BY id`,
    values: [
      platform,
      texts(accounts),
      pushedFor.kind,
      pushedFor.kind === 'member' ? pushedFor.userId : null,
      paths.includes('push'),
    ],
  });
  return rows;
}

/** Rows by one statement: short locks. */
const purgeRows = 5_000;

/** Forgets deliveries of before: their signatures are no longer good. */
export async function purgeDeliveries(connection: Connection, before: number): Promise<void> {
  for (;;) {
    const { rowCount } = await connection.query(
      `DELETE FROM trade_delivery WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM trade_delivery WHERE at < $1 LIMIT ${purgeRows} FOR UPDATE SKIP LOCKED))`,
      [before],
    );
    if ((rowCount ?? 0) < purgeRows) return;
  }
}
