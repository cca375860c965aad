/**
 * Payouts as rows: which are due, who drives one, and what the bank said. (E17 ¶213)
 *
 * Guards invariants 4 (a final answer takes effect once) and 7 (that an order may have left is on disk before it does, so
 * that after any crash the bank is asked before anything is concluded).
 */
import { payoutLeaseMs, payoutRetryMsMax, payoutRetryMsMin } from '../limits.ts';
import type { PayoutState } from '../ports/bank.ts';
import { transaction } from '../store/pool.ts';
import { advance, decide } from './advance.ts';
import { growing } from './backoff.ts';
import { openCard, withdrawalRow } from './card.ts';
import type { PaymentContext } from './context.ts';
import type { ClaimedPayout } from './port.ts';
import { lockRow, sealedOf, statusNumbers, type SealedColumns } from './rows.ts';
import type { WithdrawalEvent } from './state.ts';
import { VaultError } from './vault.ts';

const { processing } = statusNumbers;

/** Nothing is put off for longer: what lies further ahead was written by a clock that was set back since. */
const aheadMsMax = Math.max(payoutLeaseMs, payoutRetryMsMax);

const due = `status = ${processing} AND (next_try_at <= $1 OR next_try_at > $1 + ${aheadMsMax})`;

/** See `PaymentSteps.duePayouts`. */
export async function duePayouts(
  { pool, now }: PaymentContext,
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM withdrawal WHERE ${due} ORDER BY next_try_at LIMIT $2`,
    [now(), limit],
  );
  return rows.map(({ id }) => id);
}

interface DueRow extends SealedColumns {
  readonly asset: string;
  readonly amount: number;
  readonly sent_at: number | null;
  readonly tries: number;
}

/** See `PaymentSteps.claimPayout`. */
export function claimPayout(context: PaymentContext, id: string): Promise<ClaimedPayout> {
  const { pool, vault, now } = context;
  return transaction(pool, async (connection) => {
    const at = now();
    const { rows } = await connection.query<DueRow>(
      `SELECT asset, amount, sent_at, tries, card_key, card_nonce, card FROM withdrawal
       WHERE id = $2 AND ${due} FOR UPDATE SKIP LOCKED`,
      [at, id],
    );
    const [row] = rows;
    if (row === undefined) return { code: 'not_due' };
    const { asset, amount, sent_at } = row;
    const tries = row.tries + 1;
    let claimed: ClaimedPayout;
    try {
      const card = openCard(vault, sealedOf(row), withdrawalRow(id));
      const order = { id, asset, amount, card };
      claimed = { code: 'claimed', order, sentBefore: sent_at !== null, tries };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      claimed = { code: 'unreadable', detail: error.message };
    }
    const leaves = claimed.code === 'claimed';
    await connection.query(
      `UPDATE withdrawal SET next_try_at = $2, tries = $3, sent_at = CASE WHEN $4 THEN coalesce(sent_at, $5) ELSE sent_at END
       WHERE id = $1`,
      [id, at + (leaves ? payoutLeaseMs : payoutRetryMsMax), tries, leaves, at],
    );
    return claimed;
  });
}

/** See `PaymentSteps.recordPayout`. */
export async function recordPayout(
  context: PaymentContext,
  id: string,
  said: PayoutState,
  tries: number,
): Promise<boolean> {
  switch (said.code) {
    case 'paid':
      return end(context, id, { kind: 'paid' }, said.reference);
    case 'failed':
      return end(context, id, { kind: 'failed', reason: said.reason }, undefined);
    case 'pending':
    case 'unknown': {
      const { pool, now } = context;
      // Who took it over after our lease has another number of tries, and a time of its own.
      const { rowCount } = await pool.query(
        `UPDATE withdrawal SET next_try_at = $2 WHERE id = $1 AND status = ${processing} AND tries = $3`,
        [id, now() + growing(tries, payoutRetryMsMin, payoutRetryMsMax), tries],
      );
      return rowCount === 1;
    }
  }
}

/** The final words, whoever brings them: also one whose lease has ended. */
function end(
  context: PaymentContext,
  id: string,
  event: WithdrawalEvent,
  reference: string | undefined,
): Promise<boolean> {
  return decide(context, async (tx, connection) => {
    const row = await lockRow(connection, id);
    if (row === undefined) return { commit: false, value: false };
    const beside = reference === undefined ? {} : { bankReference: reference };
    const became = await advance(tx, connection, row, event, context.now(), beside);
    return { commit: became !== undefined, value: became !== undefined, became };
  });
}

/** See `PaymentSteps.oldestProcessingAt`. */
export async function oldestProcessingAt({ pool }: PaymentContext): Promise<number | undefined> {
  const { rows } = await pool.query<{ at: number | null }>(
    `SELECT min(verified_at) AS at FROM withdrawal WHERE status = ${processing}`,
  );
  return rows[0]?.at ?? undefined;
}
