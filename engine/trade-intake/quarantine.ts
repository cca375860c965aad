/** What came and was not let in, with the reason: for operators to look at, never shown to members. (T7) */
import { createHash } from 'node:crypto';
import { platformIdLengthMax, tradeQuarantineRowsMax } from '../limits.ts';
import type { Malformed, PlatformTrade } from '../ports/trade-platform.ts';
import type { TradePath } from '../trade-http/config.ts';
import { texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import type { RefusalReason, Refused } from './safety.ts';

export interface Quarantined {
  readonly reason: RefusalReason | `malformed ${string}`;
  readonly userId: string | undefined;
  readonly account: string | undefined;
  readonly tradeId: string | undefined;
  /** Of the content: the same is kept once. */
  readonly digest: Buffer;
}

/** Where it came from. */
export interface Origin {
  readonly platform: string;
  readonly path: TradePath;
}

export function quarantined(
  { platform }: Origin,
  { trade, reason }: Refused,
  userId?: string,
): Quarantined {
  const { id, account } = trade;
  return {
    reason,
    userId,
    account: storable(account),
    tradeId: storable(id),
    digest: digestOf([platform, userId, reason, contentOf(trade)]),
  };
}

export function quarantinedMalformed(
  { platform }: Origin,
  { id, reason }: Malformed,
  of: { readonly userId?: string; readonly account?: string } = {},
): Quarantined {
  const { userId, account } = of;
  return {
    reason: `malformed ${reason}`,
    userId,
    account,
    tradeId: id === undefined ? undefined : storable(id),
    digest: digestOf([platform, userId, account, reason, id]),
  };
}

/** Of one statement; what has come before, from wherever, changes nothing. */
export async function putIntoQuarantine(
  connection: Connection,
  { platform, path }: Origin,
  list: readonly Quarantined[],
  at: number,
): Promise<void> {
  if (list.length === 0) return;
  // In one order everywhere: two that bring the same never wait for each other in a circle.
  const sorted = list.toSorted((one, other) => one.digest.compare(other.digest));
  await connection.query({
    name: 'trade-quarantine',
    text: `INSERT INTO trade_quarantine (at, path, platform, reason, user_id, account, trade_id, digest)
      SELECT $1, $2, $3, reason, user_id, account, trade_id, decode(digest, 'hex')
      FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        AS came (reason, user_id, account, trade_id, digest)
      ON CONFLICT (digest) DO NOTHING`,
    values: [
      at,
      path,
      platform,
      texts(sorted.map(({ reason }) => reason)),
      texts(sorted.map(({ userId }) => userId)),
      texts(sorted.map(({ account }) => account)),
      texts(sorted.map(({ tradeId }) => tradeId)),
      texts(sorted.map(({ digest }) => digest.toString('hex'))),
    ],
  });
}

/** Rows by one statement: short locks. */
const purgeRows = 5_000;

/**
 * Forgets what came before, and what is older than the newest `rowsMax`: what a platform, or a customer of it, sends is
 * refused without end. Ids go up with time, more or less, so the oldest are found without an index of their times.
 */
export async function purgeQuarantine(
  connection: Connection,
  before: number,
  rowsMax: number = tradeQuarantineRowsMax,
): Promise<void> {
  const { rows: over } = await connection.query<{ id: number }>(
    'SELECT id FROM trade_quarantine ORDER BY id DESC OFFSET $1 LIMIT 1',
    [rowsMax],
  );
  for (let deleted = purgeRows; deleted > 0;) {
    const { rowCount } = await connection.query(
      `DELETE FROM trade_quarantine WHERE id = ANY (ARRAY(
         SELECT id FROM (SELECT id, at FROM trade_quarantine ORDER BY id LIMIT ${purgeRows}) AS oldest
         WHERE at < $1 OR id <= $2))`,
      [before, over[0]?.id ?? 0],
    );
    deleted = rowCount ?? 0;
  }
}

function contentOf(trade: PlatformTrade): readonly unknown[] {
  const { id, account, title, categories, price, currency, url, at } = trade;
  // A number that JSON has not still differs from others.
  return [id, account, title, categories, String(price), currency, url, String(at)];
}

function digestOf(content: readonly unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(content)).digest();
}

/** Fit for the database: no NUL, no half characters, bounded. */
function storable(text: string): string {
  return text.slice(0, platformIdLengthMax).toWellFormed().replaceAll('\0', '\uFFFD');
}
