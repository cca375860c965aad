/**
 * One transition of a withdrawal as SQL: its money, its row and its push in one transaction, under the row's lock.
 *
 * Guards invariant 4 for withdrawals: the row changes only from the state that was decided on, so no movement is made
 * twice, however often a step is repeated.
 */
import { assert } from '../core/assert.ts';
import { inTx, pushAtEnd, retried } from '../books/context.ts';
import type { Tx } from '../books/types.ts';
import { rowCount, type Connection } from '../store/statements.ts';
import type { PaymentContext } from './context.ts';
import { move } from './movements.ts';
import type { Withdrawal } from './port.ts';
import { shown, stateOf, statusNumbers, type WithdrawalRow } from './rows.ts';
import { transition, type WithdrawalEvent, type WithdrawalState } from './state.ts';

/** What goes into the row beside the new state. */
export interface Beside {
  readonly wrongDigest?: Buffer;
  readonly bankReference?: string;
}

/** @returns the withdrawal as it is now; undefined when the event means nothing in its state */
export async function advance(
  tx: Tx,
  connection: Connection,
  row: WithdrawalRow,
  event: WithdrawalEvent,
  at: number,
  beside: Beside = {},
): Promise<Withdrawal | undefined> {
  const before = stateOf(row);
  const made = transition(before, event);
  if (made.code === 'refused') return undefined;
  const { state, movement } = made;
  if (movement !== undefined) await move(connection, movement, row, at);
  const hasEnded = state.status !== 'awaiting_verification' && state.status !== 'processing';
  const changed = await rowCount(
    connection.query(
      `UPDATE withdrawal SET status = $3, wrong_codes = $4, reason = $5,
         wrong_digest = coalesce($6, wrong_digest), bank_reference = $7,
         verified_at = CASE WHEN $8 = 'take' THEN $9 ELSE verified_at END,
         next_try_at = CASE WHEN $8 = 'take' THEN $9 END,
         taken_transfer = CASE WHEN $8 = 'take' THEN currval('ledger_block') ELSE taken_transfer END,
         ended_transfer = CASE WHEN $8 IN ('pay_out', 'give_back') THEN currval('ledger_block') END,
         ended_at = CASE WHEN $10 THEN $9 END,
         card_key = CASE WHEN NOT $10 THEN card_key END, card_nonce = CASE WHEN NOT $10 THEN card_nonce END,
         card = CASE WHEN NOT $10 THEN card END
       WHERE id = $1 AND status = $2`,
      [
        row.id,
        row.status,
        statusNumbers[state.status],
        state.wrongCodes,
        state.reason ?? null,
        beside.wrongDigest ?? null,
        beside.bankReference ?? null,
        movement ?? '',
        at,
        hasEnded,
      ],
    ),
  );
  assert(changed === 1, 'a locked withdrawal keeps its state');
  const withdrawal = shown({ ...row, ended_at: hasEnded ? at : null }, state);
  if (state.status !== before.status) push(tx, row.user_id, withdrawal, state, at);
  return withdrawal;
}

function push(
  tx: Tx,
  userId: string,
  { id, asset, amount }: Withdrawal,
  { status, reason }: WithdrawalState,
  at: number,
): void {
  const data = { id, status, asset, amount, reason };
  pushAtEnd(tx, { kind: 'told', users: [userId], type: 'withdrawal.updated', data }, at);
}

interface Decided<T> {
  /** True where something changed: a refusal leaves nothing behind. */
  readonly commit: boolean;
  readonly value: T;
  /** What it became, for metrics. */
  readonly became?: Withdrawal | undefined;
}

/** A transaction of the payment server, run again when the server rolled it back in favour of others. */
export async function decide<T>(
  { pool, observer }: PaymentContext,
  work: (tx: Tx, connection: Connection) => Promise<Decided<T>>,
): Promise<T> {
  const { value, became } = await retried(() =>
    inTx(pool, async (tx, connection) => {
      const decided = await work(tx, connection);
      return { commit: decided.commit, value: decided };
    }),
  );
  if (became !== undefined) observer.became(became.status);
  return value;
}
