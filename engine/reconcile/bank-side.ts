/**
 * Withdrawals against the bank's list: the list goes into a temporary table, page by page, and what does not agree with it
 * into another, set by set. No transaction stays open while the bank is asked. (E17)
 */
import type { PoolClient } from 'pg';
import { reconcilePageRows } from '../limits.ts';
import { statusNumbers } from '../payment/rows.ts';
import type { ListedPayout } from '../ports/bank.ts';
import type { Here, Patience, There } from './difference.ts';
import { bounded, slowQuery, stateNumbers, stateOf, statusOf } from './session.ts';

/** A payout whose two sides do not seem to agree. */
export interface Suspect {
  readonly id: string;
  readonly here: Here | undefined;
  readonly there: There | undefined;
}

/** Milliseconds since the epoch, `until` not included. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

const { awaiting_verification: awaiting, processing, paid, failed, rejected } = statusNumbers;

/** @returns how many payouts the list named; one that it names twice is one payout (see `Bank.list`) */
export async function keepListed(
  session: PoolClient,
  payouts: AsyncIterable<ListedPayout>,
): Promise<number> {
  await session.query(
    `CREATE TEMPORARY TABLE listed (
       id text COLLATE "C", asset text COLLATE "C", amount bigint, at bigint, state smallint,
       PRIMARY KEY (id, asset, amount, at)
     )`,
  );
  let page = new Map<string, ListedPayout>();
  const flush = async () => {
    const rows = [...page.values()];
    page = new Map();
    await session.query({
      text: `INSERT INTO listed
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::smallint[])
        ON CONFLICT (id, asset, amount, at) DO UPDATE SET state = greatest(listed.state, excluded.state)`,
      values: [
        // Postgres keeps no zero characters; no id of ours has one.
        rows.map(({ id }) => id.replaceAll('\0', '\u{fffd}')),
        rows.map(({ asset }) => asset),
        rows.map(({ amount }) => amount),
        rows.map(({ at }) => at),
        rows.map(({ state }) => stateNumbers[state]),
      ],
    });
  };
  for await (const payout of payouts) {
    const { id, asset, amount, at, state } = payout;
    const key = JSON.stringify([id, asset, amount, at]);
    const before = page.get(key);
    // One statement may touch a row once only.
    if (before === undefined || stateNumbers[before.state] < stateNumbers[state])
      page.set(key, payout);
    if (page.size >= reconcilePageRows) await flush();
  }
  if (page.size > 0) await flush();
  await session.query('ANALYZE listed');
  const [listed] = await slowQuery<{ n: number }>(session, 'SELECT count(*) AS n FROM listed');
  return listed?.n ?? 0;
}

/** Puts ids that the bank paid more than once into `found`. */
export async function findPaidTwice(session: PoolClient): Promise<void> {
  await slowQuery(
    session,
    `INSERT INTO found (kind, id, account, asset, here, there, amount_here, amount_there, since)
     SELECT 'paid_twice', l.id, '', l.asset, w.status, ${stateNumbers.paid}, w.amount, l.amount, coalesce(w.verified_at, l.at)
     FROM (SELECT id, min(asset) AS asset, ${bounded('sum(amount)')} AS amount, min(at) AS at
       FROM listed WHERE state = ${stateNumbers.paid} GROUP BY id HAVING count(*) > 1) AS l
     LEFT JOIN withdrawal AS w ON w.id::text = l.id ORDER BY l.id`,
  );
}

/** `kindOf` in SQL, as far as it need not ask anybody: what is missing here is never looked at again. */
const suspicious = `CASE
  WHEN w_id IS NULL OR l_amount <> w_amount OR l_asset <> w_asset THEN true
  WHEN status = ${paid} THEN state IS DISTINCT FROM ${stateNumbers.paid} AND ended_at < $3
  WHEN status = ${failed} THEN state IN (${stateNumbers.paid}, ${stateNumbers.pending}) AND ended_at < $3
  WHEN status IN (${awaiting}, ${rejected}) THEN l_id IS NOT NULL
  ELSE state IN (${stateNumbers.paid}, ${stateNumbers.failed}) OR verified_at < $4 END`;

/**
 * Compared are withdrawals that left and ended in the time span, those under way, and whatever the list names.
 * @returns how many withdrawals there were
 */
export async function findSuspects(
  session: PoolClient,
  { from, until }: Span,
  now: number,
  { graceMs, pendingMsMax }: Patience,
): Promise<number> {
  await session.query(
    `CREATE TEMPORARY TABLE suspect (
       place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text, withdrawal uuid, asset text, amount bigint,
       at bigint, state smallint
     )`,
  );
  const [row] = await slowQuery<{ compared: number }>(
    session,
    `WITH pair AS MATERIALIZED (
       SELECT w.id AS w_id, w.status, w.asset AS w_asset, w.amount AS w_amount, w.verified_at, w.ended_at,
         l.id AS l_id, l.asset AS l_asset, l.amount AS l_amount, l.at, l.state
       FROM withdrawal AS w
       FULL JOIN (SELECT id, asset, amount, min(at) AS at, max(state) AS state FROM listed GROUP BY id, asset, amount) AS l
         ON l.id = w.id::text
       WHERE l.id IS NOT NULL OR w.status = ${processing}
         OR coalesce(w.sent_at, w.verified_at, w.requested_at) >= $1 AND w.ended_at < $2
     ), kept AS (
       INSERT INTO suspect (id, withdrawal, asset, amount, at, state)
       SELECT coalesce(w_id::text, l_id), w_id, l_asset, l_amount, at, state FROM pair
       WHERE ${suspicious} ORDER BY coalesce(w_id::text, l_id)
     )
     SELECT count(DISTINCT w_id) AS compared FROM pair`,
    [from, until, now - graceMs, now - pendingMsMax],
  );
  return row?.compared ?? 0;
}

interface HereRow {
  readonly id: string | null;
  readonly status: number | null;
  readonly asset: string;
  readonly amount: number;
  readonly verified_at: number | null;
  readonly next_try_at: number | null;
  readonly ended_at: number | null;
}

interface SuspectRow extends HereRow {
  readonly place: number;
  readonly suspect: string;
  readonly listed_asset: string | null;
  readonly listed_amount: number;
  readonly at: number;
  readonly state: number | null;
}

const hereColumns = 'w.id, w.status, w.asset, w.amount, w.verified_at, w.next_try_at, w.ended_at';

/** What was found, in pages. */
export async function* suspects(session: PoolClient): AsyncGenerator<readonly Suspect[]> {
  let after = 0;
  for (;;) {
    const { rows } = await session.query<SuspectRow>(
      `SELECT s.place, s.id AS suspect, s.asset AS listed_asset, s.amount AS listed_amount, s.at, s.state, ${hereColumns}
       FROM (SELECT * FROM suspect WHERE place > $1 ORDER BY place LIMIT $2) AS s
       LEFT JOIN withdrawal AS w ON w.id = s.withdrawal ORDER BY s.place`,
      [after, reconcilePageRows],
    );
    if (rows.length === 0) return;
    yield rows.map((row) => ({ id: row.suspect, here: hereOf(row), there: thereOf(row) }));
    after = rows.at(-1)?.place ?? after;
  }
}

/** With our side as it is now: what has ended since is no difference any more. */
export async function hereAgain(
  session: PoolClient,
  part: readonly Suspect[],
): Promise<readonly Suspect[]> {
  const ours = part.flatMap(({ id, here }) => (here === undefined ? [] : [id]));
  const { rows } = await session.query<HereRow>(
    `SELECT ${hereColumns} FROM withdrawal AS w WHERE w.id = ANY ($1::uuid[])`,
    [ours],
  );
  const byId = new Map(rows.map((row) => [row.id, hereOf(row)]));
  return part.map(({ id, there }) => ({ id, here: byId.get(id), there }));
}

function hereOf(row: HereRow): Here | undefined {
  const status = statusOf(row.status);
  if (status === undefined) return undefined;
  const { asset, amount, verified_at, next_try_at, ended_at } = row;
  return {
    status,
    asset,
    amount,
    verifiedAt: verified_at ?? undefined,
    nextTryAt: next_try_at ?? undefined,
    endedAt: ended_at ?? undefined,
  };
}

function thereOf(row: SuspectRow): There | undefined {
  const state = stateOf(row.state);
  const { listed_asset: asset, listed_amount: amount, at } = row;
  if (state === undefined || asset === null) return undefined;
  return { state, asset, amount, at, paidAt: undefined, isListed: true };
}
