/** What came and was not let in, with the reason: for operators to look at, never shown to members. (T7) */
import { createHash } from 'node:crypto';
import { platformIdLengthMax } from '../limits.ts';
import type { Malformed, PlatformTrade } from '../ports/trade-platform.ts';
import type { TradePath } from '../trade-http/config.ts';
import { integers, texts } from '../store/arrays.ts';
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

/** Forgets what came before. */
export async function purgeQuarantine(connection: Connection, before: number): Promise<void> {
  for (;;) {
    const { rows } = await connection.query<{ id: number }>(
      'SELECT id FROM trade_quarantine WHERE at < $1 ORDER BY id LIMIT $2',
      [before, purgeRows],
    );
    if (rows.length === 0) return;
    await connection.query('DELETE FROM trade_quarantine WHERE id = ANY ($1::bigint[])', [
      integers(rows.map(({ id }) => id)),
    ]);
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
