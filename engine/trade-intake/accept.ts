/**
 * Trades that came, taken in within the caller's transaction: what is new is kept and shown, what must not be shown goes
 * to quarantine, what was known changes nothing. However it comes, a trade is shown once in each group. (T7, T11)
 *
 * Guards invariant 4 for trades: `trade` has one row per member, platform and id, and only who inserts it shows it.
 */
import type { Tx } from '../books/types.ts';
import type { Connection } from '../store/statements.ts';
import { type Arrival, insertTrades, sortArrivals } from './arrivals.ts';
import { type LockedGroup, lockGroupsOf, sharedIn } from './groups.ts';
import { placeTrades } from './place.ts';
import { type Origin, putIntoQuarantine, type Quarantined, quarantined } from './quarantine.ts';

export interface Acceptance {
  readonly tx: Tx;
  readonly connection: Connection;
  readonly origin: Origin;
  readonly publicUrl: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What became of them, for metrics. */
export interface Taken {
  /** New ones that stand in a group. */
  readonly shared: number;
  /** New ones that are of no type chosen, or whose account is shared nowhere. */
  readonly unmatched: number;
  /** Those that had come before, or were other than before. */
  readonly known: number;
  readonly quarantined: readonly Quarantined[];
}

/**
 * @param refused what was sorted out before
 * @param claim runs once the groups are locked, before anything is written; false: nothing is to be taken
 * @returns undefined where `claim` said so; then the transaction is to be rolled back
 */
export async function takeIn(
  acceptance: Acceptance,
  arrivals: readonly Arrival[],
  refused: readonly Quarantined[],
  claim: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<Taken | undefined> {
  const { connection, origin, at } = acceptance;
  const { unknown, changed } = await sortArrivals(connection, origin.platform, arrivals);
  const accountIds = [...new Set(unknown.map(({ accountId }) => accountId))];
  const groups: readonly LockedGroup[] =
    unknown.length === 0 ? [] : await lockGroupsOf(connection, accountIds);
  if (!(await claim())) return undefined;

  let shared = 0;
  let added = 0;
  if (unknown.length > 0) {
    const trades = await insertTrades(connection, origin.platform, unknown, at);
    added = trades.length;
    const places = added === 0 ? [] : await sharedIn(connection, groups, accountIds);
    const options = { ...acceptance, platform: origin.platform };
    shared = await placeTrades(options, trades, groups, places);
  }
  const others = changed.map(({ trade, userId }) =>
    quarantined(origin, { trade, reason: 'duplicate_id' }, userId),
  );
  const all = [...refused, ...others];
  await putIntoQuarantine(connection, origin, all, at);
  return {
    shared,
    unmatched: added - shared,
    known: arrivals.length - added - changed.length,
    quarantined: all,
  };
}
