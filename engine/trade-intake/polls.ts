/** TradePolls on Postgres. Path B. (T9, c15, ¶87) */
import { inTx, pushAtEnd, retried } from '../books/context.ts';
import { assert } from '../core/assert.ts';
import type { AcceptResult, PolledAccount, PolledPage, TradePolls } from '../ports/trade-polls.ts';
import { integers } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { openSecret } from '../trade/secrets.ts';
import { type Taken, takeIn } from './accept.ts';
import type { IntakeContext } from './context.ts';
import { quarantined, quarantinedMalformed } from './quarantine.ts';
import { inspect } from './safety.ts';
import { sliced } from './slices.ts';

interface AccountRow {
  readonly user_id: string;
  readonly platform: string;
  readonly account: string;
  readonly secret_key: string;
  readonly secret_nonce: Buffer;
  readonly secret: Buffer;
  readonly cursor: string | null;
}

/** Has a secret, and it was not found wrong. */
const isPolled = 'secret IS NOT NULL AND stopped IS NULL';

async function load(context: IntakeContext, id: string): Promise<PolledAccount | undefined> {
  const { rows } = await context.pool.query<AccountRow>({
    name: 'trade-polled-account',
    text: `SELECT user_id, platform, account, secret_key, secret_nonce, secret, cursor FROM trade_account
      WHERE id = $1 AND ${isPolled}`,
    values: [id],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  assert(context.vault !== undefined, 'who polls has the keys of the secrets: CARD_KEYS');
  const { platform, account, cursor } = row;
  const secret = openSecret(context.vault, row);
  return { id, platform, account, secret, cursor: cursor ?? undefined };
}

async function accept(
  context: IntakeContext,
  polled: PolledAccount,
  page: PolledPage,
): Promise<AcceptResult> {
  const { id, platform, account } = polled;
  const config = context.platforms.get(platform);
  assert(config !== undefined, 'a platform that is polled is configured');
  const at = context.now();
  const { safe, refused } = inspect(page.trades, { ...config, account, now: at });
  const userId = await ownerOf(context.pool, id);
  if (userId === undefined) return 'gone';
  const arrivals = safe.map((trade) => ({ userId, accountId: Number(id), trade }));
  const slices = await sliced(context.pool, platform, arrivals);
  const origin = { platform, path: 'poll' } as const;
  const bad = [
    ...refused.map((one) => quarantined(origin, one, userId)),
    ...page.malformed.map((one) => quarantinedMalformed(origin, one, { userId, account })),
  ];
  for (const [i, slice] of slices.entries()) {
    const isLast = i === slices.length - 1;
    const { code, taken } = await retried(() =>
      inTx<{ readonly code: AcceptResult; readonly taken?: Taken }>(
        context.pool,
        async (tx, connection) => {
          const acceptance = { tx, connection, origin, publicUrl: context.publicUrl, at };
          const taking = await takeIn(acceptance, slice, isLast ? bad : [], () =>
            isLast ? moveCursor(connection, polled, page.cursor) : holdCursor(connection, polled),
          );
          if (taking !== undefined) {
            return { commit: true, value: { code: 'accepted', taken: taking } };
          }
          const isThere = (await ownerOf(connection, id)) !== undefined;
          return { commit: false, value: { code: isThere ? 'stale' : 'gone' } };
        },
      ),
    );
    if (code !== 'accepted') return code;
    if (taken !== undefined) context.meter.taken(platform, 'poll', taken);
  }
  return 'accepted';
}

async function ownerOf(connection: Connection, id: string): Promise<string | undefined> {
  const { rows } = await connection.query<{ user_id: string }>({
    name: 'trade-account-owner',
    text: `SELECT user_id FROM trade_account WHERE id = $1 AND ${isPolled}`,
    values: [id],
  });
  return rows[0]?.user_id;
}

/** @returns false as `moveCursor` does; the cursor stays until the transaction ends */
async function holdCursor(connection: Connection, { id, cursor }: PolledAccount): Promise<boolean> {
  const { rowCount } = await connection.query({
    name: 'trade-hold-cursor',
    text: `SELECT FROM trade_account WHERE id = $1 AND cursor IS NOT DISTINCT FROM $2 AND ${isPolled}
      FOR NO KEY UPDATE`,
    values: [id, cursor ?? null],
  });
  return rowCount === 1;
}

/** @returns false: somebody else has polled meanwhile, or the account is not polled any more */
async function moveCursor(
  connection: Connection,
  { id, cursor }: PolledAccount,
  to: string,
): Promise<boolean> {
  const { rowCount } = await connection.query({
    name: 'trade-move-cursor',
    text: `UPDATE trade_account SET cursor = $3
      WHERE id = $1 AND cursor IS NOT DISTINCT FROM $2 AND ${isPolled}`,
    values: [id, cursor ?? null, to],
  });
  return rowCount === 1;
}

async function polled({ pool, now }: IntakeContext, ids: readonly string[]): Promise<void> {
  // One that is being accepted just now is noted next time.
  await pool.query({
    name: 'trade-polled',
    text: `UPDATE trade_account SET polled_at = $2 FROM (
        SELECT id FROM trade_account WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) AS held
      WHERE trade_account.id = held.id`,
    values: [integers(ids), now()],
  });
}

async function wrongSecret(context: IntakeContext, { id }: PolledAccount): Promise<void> {
  await retried(() =>
    inTx(context.pool, async (tx, connection) => {
      const { rows } = await connection.query<{
        user_id: string;
        platform: string;
        account: string;
      }>(
        `UPDATE trade_account SET stopped = 'wrong_secret' WHERE id = $1 AND ${isPolled}
         RETURNING user_id, platform, account`,
        [id],
      );
      const [row] = rows;
      if (row !== undefined) {
        const at = context.now();
        const { user_id, platform, account } = row;
        const reason = 'wrong_secret';
        const data = { platform, account, reason, stoppedAt: new Date(at).toISOString() };
        pushAtEnd(tx, { kind: 'told', users: [user_id], type: 'trade.account_stopped', data }, at);
      }
      return { commit: true, value: undefined };
    }),
  );
}

async function overdue(
  { pool }: IntakeContext,
  platform: string,
  before: number,
  after: string | undefined,
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'trade-overdue',
    text: `SELECT id::text AS id FROM trade_account
      WHERE platform = $1 AND ${isPolled} AND (polled_at IS NULL OR polled_at < $2)
        AND trade_account.id > $3::bigint
      ORDER BY trade_account.id LIMIT $4`,
    values: [platform, before, after ?? 0, limit],
  });
  return rows.map(({ id }) => id);
}

export function postgresPolls(context: IntakeContext): TradePolls {
  return {
    load: (id) => load(context, id),
    accept: (account, page) => accept(context, account, page),
    polled: (ids) => polled(context, ids),
    wrongSecret: (account) => wrongSecret(context, account),
    overdue: (platform, before, after, limit) => overdue(context, platform, before, after, limit),
  };
}
