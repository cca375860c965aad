/** Verification codes on their way: who sends one, and the end of those that came too late. (E17 ¶208) */
import { codeLeaseMs, codeRetryMsMax, codeRetryMsMin } from '../limits.ts';
import { advance, decide } from './advance.ts';
import { growing } from './backoff.ts';
import type { PaymentContext } from './context.ts';
import type { ClaimedCode } from './port.ts';
import { lockRow, statusNumbers } from './rows.ts';

const awaiting = statusNumbers.awaiting_verification;

/** Nothing is put off for longer: what lies further ahead was written by a clock that was set back since. */
const aheadMsMax = Math.max(codeLeaseMs, codeRetryMsMax);

/** Not sent, not too old, and nobody is at it. */
const due = `status = ${awaiting} AND code_sent_at IS NULL AND code_expires_at > $1
  AND (code_try_at <= $1 OR code_try_at > $1 + ${aheadMsMax})`;

/** See `PaymentSteps.dueCodes`. */
export async function dueCodes(
  { pool, now }: PaymentContext,
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM withdrawal WHERE ${due} ORDER BY code_expires_at LIMIT $2`,
    [now(), limit],
  );
  return rows.map(({ id }) => id);
}

interface ClaimedRow {
  readonly user_id: string;
  readonly code_key: string;
  readonly code_expires_at: number;
  readonly code_tries: number;
}

/** See `PaymentSteps.claimCode`. @throws VaultError when the code's key is missing */
export async function claimCode(
  { pool, now, vault }: PaymentContext,
  id: string,
): Promise<ClaimedCode | undefined> {
  const { rows } = await pool.query<ClaimedRow>(
    `UPDATE withdrawal SET code_try_at = $1 + ${codeLeaseMs}, code_tries = code_tries + 1
     WHERE id = $2 AND ${due} RETURNING user_id, code_key, code_expires_at, code_tries`,
    [now(), id],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { user_id, code_key, code_expires_at, code_tries } = row;
  const code = vault.code(code_key, id);
  return {
    message: { id, userId: user_id, code, expiresAt: code_expires_at },
    tries: code_tries,
  };
}

/** See `PaymentSteps.recordCode`. */
export async function recordCode(
  { pool, now, observer }: PaymentContext,
  id: string,
  taken: boolean,
  tries: number,
): Promise<void> {
  const at = now();
  if (taken) {
    await pool.query(
      'UPDATE withdrawal SET code_sent_at = $2 WHERE id = $1 AND code_sent_at IS NULL',
      [id, at],
    );
  } else {
    await pool.query('UPDATE withdrawal SET code_try_at = $2 WHERE id = $1 AND code_tries = $3', [
      id,
      at + growing(tries, codeRetryMsMin, codeRetryMsMax),
      tries,
    ]);
  }
  observer.codeSent(taken);
}

/** See `PaymentSteps.expireCodes`. */
export async function expireCodes(context: PaymentContext, limit: number): Promise<number> {
  const { rows } = await context.pool.query<{ id: string }>(
    `SELECT id FROM withdrawal WHERE status = ${awaiting} AND code_expires_at <= $1
     ORDER BY code_expires_at LIMIT $2`,
    [context.now(), limit],
  );
  return expireEach(context, rows);
}

/** Those of one user, so that nobody is shown as waiting what no code can verify any more. */
export async function expireCodesOf(context: PaymentContext, userId: string): Promise<void> {
  const { rows } = await context.pool.query<{ id: string }>(
    `SELECT id FROM withdrawal WHERE user_id = $2 AND status = ${awaiting} AND code_expires_at <= $1`,
    [context.now(), userId],
  );
  await expireEach(context, rows);
}

/** One that fails is no reason to leave the others. */
async function expireEach(
  context: PaymentContext,
  rows: readonly { readonly id: string }[],
): Promise<number> {
  let expired = 0;
  const errors: unknown[] = [];
  for (const { id } of rows) {
    try {
      if (await expireCode(context, id)) expired += 1;
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return expired;
}

function expireCode(context: PaymentContext, id: string): Promise<boolean> {
  return decide(context, async (tx, connection) => {
    const row = await lockRow(connection, id);
    const at = context.now();
    if (row === undefined || row.code_expires_at > at) return { commit: false, value: false };
    const became = await advance(tx, connection, row, { kind: 'code_expired' }, at);
    return { commit: became !== undefined, value: became !== undefined, became };
  });
}
