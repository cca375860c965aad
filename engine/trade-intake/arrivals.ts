/** Trades as they arrive for members: which are new, which are other than before under their id, and their rows. (T11) */
import { randomBytes } from 'node:crypto';
import type { PlatformTrade } from '../ports/trade-platform.ts';
import { integers, texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { isSameTrade } from './safety.ts';

/** A safe trade of a member's account. */
export interface Arrival {
  readonly userId: string;
  /** Of the row in `trade_account`. */
  readonly accountId: number;
  readonly trade: PlatformTrade;
}

/** With its row. */
export interface NewTrade extends Arrival {
  readonly id: number;
  readonly linkKey: string;
}

const linkKeyBytes = 18;

interface KnownRow {
  readonly i: number;
  readonly account: string;
  readonly title: string;
  readonly price: number;
  readonly currency: string;
}

/** By a look without locks: what is unknown now may be known when it is inserted. */
export async function sortArrivals(
  connection: Connection,
  platform: string,
  arrivals: readonly Arrival[],
): Promise<{ readonly unknown: readonly Arrival[]; readonly changed: readonly Arrival[] }> {
  const { rows } = await connection.query<KnownRow>({
    name: 'trade-known',
    text: `SELECT came.i::int AS i, account, title, price, currency
      FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS came (user_id, trade_id, i)
        JOIN trade ON trade.user_id = came.user_id AND platform = $1 AND trade.trade_id = came.trade_id`,
    values: [
      platform,
      texts(arrivals.map(({ userId }) => userId)),
      texts(arrivals.map(({ trade }) => trade.id)),
    ],
  });
  const known = new Map(rows.map((row) => [row.i - 1, row]));
  return {
    unknown: arrivals.filter((_, i) => !known.has(i)),
    changed: arrivals.filter(({ trade }, i) => {
      const row = known.get(i);
      return row !== undefined && !isSameTrade(row, trade);
    }),
  };
}

/**
 * Inserts what nobody else has inserted meanwhile, and gives that in the order of `arrivals`, which is also that of the
 * new ids. Whoever brings trades of the same account holds its row, so none waits here for another in a circle.
 */
export async function insertTrades(
  connection: Connection,
  platform: string,
  arrivals: readonly Arrival[],
  at: number,
): Promise<readonly NewTrade[]> {
  const of = <Value>(field: (trade: PlatformTrade) => Value): Value[] =>
    arrivals.map(({ trade }) => field(trade));
  const linkKeys = arrivals.map(() => randomBytes(linkKeyBytes).toString('base64url'));
  const { rows } = await connection.query<{ id: number; link_key: string }>({
    name: 'trade-insert',
    text: `INSERT INTO trade (at, received_at, price, user_id, platform, trade_id, account, title, currency, url,
        link_key, categories)
      SELECT at, $1, price, user_id, $2, trade_id, account, title, currency, url, link_key, categories::text[]
      FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::text[])
        AS came (at, price, user_id, trade_id, account, title, currency, url, link_key, categories)
      ON CONFLICT (user_id, platform, trade_id) DO NOTHING RETURNING id, link_key`,
    values: [
      at,
      platform,
      integers(of((trade) => trade.at)),
      integers(of((trade) => trade.price)),
      texts(arrivals.map(({ userId }) => userId)),
      texts(of((trade) => trade.id)),
      texts(of((trade) => trade.account)),
      texts(of((trade) => trade.title)),
      texts(of((trade) => trade.currency)),
      texts(of((trade) => trade.url)),
      texts(linkKeys),
      texts(of((trade) => texts(trade.categories))),
    ],
  });
  const ids = new Map(rows.map((row) => [row.link_key, row.id]));
  return arrivals.flatMap((arrival, i) => {
    const linkKey = linkKeys[i] ?? '';
    const id = ids.get(linkKey);
    return id === undefined ? [] : [{ ...arrival, id, linkKey }];
  });
}
