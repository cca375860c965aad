/**
 * Pushes of platforms, taken in with their names in one transaction. Paths A and C. (T8, T10, c14, ¶86, ¶88)
 *
 * Guards invariant 4 for pushes: a delivery takes effect once.
 */
import { inTx, retried } from '../books/context.ts';
import { assert } from '../core/assert.ts';
import type { PushedFor } from '../ports/trade-platform.ts';
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { type Taken, takeIn } from './accept.ts';
import type { IntakeContext } from './context.ts';
import type { PushTaken, TradePush } from './port.ts';
import { type Origin, quarantined, quarantinedMalformed } from './quarantine.ts';
import { inspect } from './safety.ts';

interface AccountRow {
  readonly id: number;
  readonly user_id: string;
  readonly account: string;
}

/** See `TradeIntake.take`. */
export async function takePush(
  context: IntakeContext,
  platform: string,
  push: TradePush,
): Promise<PushTaken> {
  if (push.code !== 'trades') {
    context.meter.pushed(platform, push.code);
    return push.code;
  }
  const config = context.platforms.get(platform);
  assert(config !== undefined, 'a platform that pushes is configured');
  const at = context.now();
  const { pushedFor } = push;
  const origin: Origin = { platform, path: pushedFor.kind === 'same' ? 'same' : 'push' };
  const { safe, refused } = inspect(push.trades, { ...config, account: undefined, now: at });
  const bad = [
    ...refused.map((one) => quarantined(origin, one)),
    ...push.malformed.map((one) => quarantinedMalformed(origin, one)),
  ];
  const result = await retried(() =>
    inTx<{ readonly taken: Taken; readonly isUnknown: boolean } | undefined>(
      context.pool,
      async (tx, connection) => {
        if (!(await isNewDelivery(connection, platform, push.deliveryId, at))) {
          return { commit: false, value: undefined };
        }
        const accounts = [...new Set(safe.map(({ account }) => account))];
        const rows = await ownersOf(connection, platform, accounts, pushedFor);
        const owners = Map.groupBy(rows, ({ account }) => account);
        const arrivals = safe.flatMap((trade) =>
          (owners.get(trade.account) ?? []).map(({ id, user_id }) => ({
            userId: user_id,
            accountId: id,
            trade,
          })),
        );
        const acceptance = { tx, connection, origin, publicUrl: context.publicUrl, at };
        const taken = await takeIn(acceptance, arrivals, bad);
        assert(taken !== undefined, 'nothing has to be claimed for a push');
        return { commit: true, value: { taken, isUnknown: owners.size < accounts.length } };
      },
    ),
  );
  if (result === undefined) {
    context.meter.pushed(platform, 'repeated');
    return 'repeated';
  }
  context.meter.taken(platform, origin.path, result.taken);
  context.meter.pushed(platform, result.isUnknown ? 'unknown_account' : 'accepted');
  return 'taken';
}

/** The same at the same time waits here for what becomes of the first. */
async function isNewDelivery(
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

/** Members who have given these accounts, as far as the push is for them. */
async function ownersOf(
  connection: Connection,
  platform: string,
  accounts: readonly string[],
  pushedFor: PushedFor,
): Promise<readonly AccountRow[]> {
  if (accounts.length === 0) return [];
  const { rows } = await connection.query<AccountRow>({
    name: 'trade-owners',
    text: `SELECT id, user_id, account FROM trade_account
      WHERE platform = $1 AND account = ANY ($2::text[]) AND stopped IS NULL
        AND CASE $3 WHEN 'member' THEN user_id = $4 WHEN 'same' THEN user_id = account ELSE true END
      ORDER BY id`,
    values: [
      platform,
      texts(accounts),
      pushedFor.kind,
      pushedFor.kind === 'member' ? pushedFor.userId : null,
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
