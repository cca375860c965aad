/** Rows of `withdrawal`, and how a row is shown. */
import type { Connection } from '../store/statements.ts';
import type { Withdrawal } from './port.ts';
import { attemptsLeft, type WithdrawalState, type WithdrawalStatus } from './state.ts';
import type { Sealed } from './vault.ts';

/** Stored numbers of the states; never renumber. */
export const statusNumbers = {
  awaiting_verification: 1,
  processing: 2,
  paid: 3,
  failed: 4,
  rejected: 5,
} as const satisfies Record<WithdrawalStatus, number>;

const statusNames = new Map<number, WithdrawalStatus>(
  Object.entries(statusNumbers).map(([name, number]) => [number, name as WithdrawalStatus]),
);

export interface WithdrawalRow {
  readonly no: string;
  readonly id: string;
  readonly user_id: string;
  readonly asset: string;
  readonly amount: number;
  readonly status: number;
  readonly reason: string | null;
  readonly bank: string;
  readonly last4: string;
  readonly requested_at: number;
  readonly ended_at: number | null;
  readonly code_key: string;
  readonly code_expires_at: number;
  readonly wrong_codes: number;
  readonly wrong_digest: Buffer | null;
}

export const rowColumns = `no::text, id, user_id, asset, amount, status, reason, bank, last4, requested_at, ended_at, code_key,
  code_expires_at, wrong_codes, wrong_digest`;

export interface SealedColumns {
  readonly card_key: string;
  readonly card_nonce: Buffer;
  readonly card: Buffer;
}

export function sealedOf({ card_key, card_nonce, card }: SealedColumns): Sealed {
  return { keyId: card_key, nonce: card_nonce, text: card };
}

/** The row, locked until the transaction ends. */
export async function lockRow(
  connection: Connection,
  id: string,
): Promise<WithdrawalRow | undefined> {
  const { rows } = await connection.query<WithdrawalRow>(
    `SELECT ${rowColumns} FROM withdrawal WHERE id = $1 FOR UPDATE`,
    [id],
  );
  return rows[0];
}

export function stateOf({ status, wrong_codes, reason }: WithdrawalRow): WithdrawalState {
  const name = statusNames.get(status);
  if (name === undefined) throw new Error(`no withdrawal status ${status}`);
  return { status: name, wrongCodes: wrong_codes, reason: reason ?? undefined };
}

export function shown(row: WithdrawalRow, state: WithdrawalState = stateOf(row)): Withdrawal {
  const { id, asset, amount, bank, last4, requested_at, ended_at, code_expires_at } = row;
  const { status, reason } = state;
  return {
    id,
    status,
    asset,
    amount,
    card: { bank, last4 },
    requestedAt: requested_at,
    code:
      status === 'awaiting_verification'
        ? { expiresAt: code_expires_at, attemptsLeft: attemptsLeft(state) }
        : undefined,
    reason,
    endedAt: ended_at ?? undefined,
  };
}
