/**
 * What comes together is taken in by transactions of bounded size: a page for groups with many listeners would otherwise
 * hold the groups' and the listeners' locks for seconds. What says that all was taken (a cursor, a delivery's name) moves
 * with the last of them; whoever dies in between gets the same again, and what was shown is known by its id. (T11)
 */
import { tradeEffectsMax } from '../limits.ts';
import { integers } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { type Arrival, sortArrivals } from './arrivals.ts';

interface CostRow {
  readonly trade_account: number;
  readonly groups: number;
  readonly listeners: number;
}

/** The message and its meaning. */
const pushesPerListener = 2;

/** In their order, at least one slice; what has come before goes with the last one. */
export async function sliced(
  connection: Connection,
  platform: string,
  arrivals: readonly Arrival[],
): Promise<readonly (readonly Arrival[])[]> {
  if (arrivals.length < 2) return [arrivals];
  const { unknown } = await sortArrivals(connection, platform, arrivals);
  if (unknown.length < 2) return [arrivals];
  const costs = await costsOf(connection, [...new Set(unknown.map(({ accountId }) => accountId))]);
  const slices: Arrival[][] = [[]];
  let effects = 0;
  for (const arrival of unknown) {
    const cost = costs.get(arrival.accountId) ?? 0;
    if (effects > 0 && effects + cost > tradeEffectsMax) {
      slices.push([]);
      effects = 0;
    }
    slices.at(-1)?.push(arrival);
    effects += cost;
  }
  const isUnknown = new Set(unknown);
  slices.at(-1)?.push(...arrivals.filter((arrival) => !isUnknown.has(arrival)));
  return slices;
}

/** Rows that one trade of each account brings at most: it may be of no type that was chosen. */
async function costsOf(
  connection: Connection,
  accountIds: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await connection.query<CostRow>({
    name: 'trade-costs',
    text: `SELECT trade_account, count(DISTINCT shared.conversation)::int AS groups, count(listener.user_id)::int AS listeners
      FROM trade_settings_account AS shared JOIN member USING (conversation)
        LEFT JOIN listener ON listener.user_id = member.user_id
      WHERE trade_account = ANY ($1::bigint[]) GROUP BY trade_account`,
    values: [integers(accountIds)],
  });
  return new Map(
    rows.map(({ trade_account, groups, listeners }) => [
      trade_account,
      groups + pushesPerListener * listeners,
    ]),
  );
}
