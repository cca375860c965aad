/** The check of the verification code. (E17 ¶211–213) */
import { timingSafeEqual } from 'node:crypto';
import { type Connection } from '../store/statements.ts';
import { advance, decide } from './advance.ts';
import type { PaymentContext } from './context.ts';
import type { VerifyResult } from './port.ts';
import { lockRow, shown, stateOf, type WithdrawalRow } from './rows.ts';
import { attemptsLeft } from './state.ts';
import type { Tx } from '../books/types.ts';

/**
 * See `Payments.verify`. Under the row's lock, so that parallel guesses are counted one by one. What is repeated, because
 * its answer was lost, gets the same answer: a code that was right, and the newest one that was wrong.
 */
export function verify(
  context: PaymentContext,
  userId: string,
  id: string,
  given: string,
): Promise<VerifyResult> {
  return decide<VerifyResult>(context, async (tx, connection) => {
    const row = await lockRow(connection, id);
    if (row === undefined || row.user_id !== userId) return refuse('withdrawal_not_found');
    const state = stateOf(row);
    switch (state.status) {
      case 'awaiting_verification':
        return check(context, tx, connection, row, given);
      case 'processing':
      case 'paid':
      case 'failed':
        if (!wasRight(context, row, given)) return refuse('not_awaiting_verification');
        return { commit: false, value: { code: 'verified', withdrawal: shown(row) } };
      case 'rejected': {
        if (state.reason === 'code_expired') return refuse('code_expired');
        if (!isRepeated(context, row, given)) return refuse('not_awaiting_verification');
        return { commit: false, value: { code: 'wrong_code', attemptsLeft: 0 } };
      }
    }
  });
}

function refuse(code: 'withdrawal_not_found' | 'code_expired' | 'not_awaiting_verification'): {
  commit: false;
  value: VerifyResult;
} {
  return { commit: false, value: { code } };
}

type Checked = Awaited<ReturnType<Parameters<typeof decide<VerifyResult>>[1]>>;

async function check(
  context: PaymentContext,
  tx: Tx,
  connection: Connection,
  row: WithdrawalRow,
  given: string,
): Promise<Checked> {
  const at = context.now();
  if (at >= row.code_expires_at) {
    const became = await advance(tx, connection, row, { kind: 'code_expired' }, at);
    return { commit: true, value: { code: 'code_expired' }, became };
  }
  if (context.vault.isCode(row.code_key, row.id, given)) {
    const became = await advance(tx, connection, row, { kind: 'verified' }, at);
    if (became === undefined) return refuse('not_awaiting_verification');
    return { commit: true, value: { code: 'verified', withdrawal: became }, became };
  }
  if (isRepeated(context, row, given)) {
    const left = attemptsLeft(stateOf(row));
    return { commit: false, value: { code: 'wrong_code', attemptsLeft: left } };
  }
  const wrongDigest = context.vault.digestOfWrong(row.code_key, row.id, given);
  const now = await advance(tx, connection, row, { kind: 'wrong_code' }, at, { wrongDigest });
  const value = { code: 'wrong_code', attemptsLeft: now?.code?.attemptsLeft ?? 0 } as const;
  return { commit: true, value, became: now?.status === 'rejected' ? now : undefined };
}

/** A repeat of the code that was used; nobody can tell any more once its key was taken away. */
function wasRight({ vault }: PaymentContext, { code_key, id }: WithdrawalRow, given: string) {
  return vault.has(code_key) && vault.isCode(code_key, id, given);
}

function isRepeated({ vault }: PaymentContext, row: WithdrawalRow, given: string): boolean {
  const { wrong_digest, code_key, id } = row;
  if (wrong_digest === null || !vault.has(code_key)) return false;
  return timingSafeEqual(vault.digestOfWrong(code_key, id, given), wrong_digest);
}
