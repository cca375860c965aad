/** What stands in the end: withdrawals and accounts here, orders at the bank, and what users were told on the way. */
import type { Pool } from 'pg';
import type { BankLine } from '../../../engine/bank/sandbox-books.ts';
import type { Books } from '../../../engine/books/types.ts';
import { statusNumbers } from '../../../engine/payment/rows.ts';
import type { WithdrawalStatus } from '../../../engine/payment/state.ts';
import type { Told } from './users.ts';

export interface OurWithdrawal {
  readonly id: string;
  readonly userId: string;
  readonly asset: string;
  readonly amount: number;
  readonly status: WithdrawalStatus;
}

/** A user's money of one asset. */
export interface OurAccount {
  readonly userId: string;
  readonly deposited: number;
  /** Spendable and held. */
  readonly left: number;
}

export interface PayoutBooks {
  readonly ours: readonly OurWithdrawal[];
  readonly accounts: readonly OurAccount[];
  readonly told: readonly Told[];
  /** Lines of the bank's file. */
  readonly lines: readonly BankLine[];
  /** Of the audit: differences and mismatches. */
  readonly unsound: number;
  /** What the ledger says was paid out, by asset. */
  readonly paidOut: ReadonlyMap<string, number>;
}

const statusNames = new Map<number, string>(
  Object.entries(statusNumbers).map(([name, number]) => [number, name]),
);

/** @param pool of the same database as `books` */
export async function readPayoutBooks(
  pool: Pool,
  books: Books,
  elsewhere: Pick<PayoutBooks, 'lines' | 'told'>,
): Promise<PayoutBooks> {
  const { rows } = await pool.query<Omit<OurWithdrawal, 'status'> & { status: number }>(
    'SELECT id::text, user_id AS "userId", asset, amount, status FROM withdrawal',
  );
  const accounts = await pool.query<OurAccount>(
    `SELECT user_id AS "userId", sum(amount)::bigint AS deposited,
       (SELECT sum(balance + held)::bigint FROM account WHERE owner = 'user:' || user_id) AS left
     FROM deposit GROUP BY user_id`,
  );
  const { assets, mismatches } = await books.audit();
  return {
    ...elsewhere,
    ours: rows.map((row) => ({ ...row, status: statusNames.get(row.status) as WithdrawalStatus })),
    accounts: accounts.rows,
    unsound: assets.reduce((sum, { difference }) => sum + Math.abs(difference), mismatches),
    paidOut: new Map(assets.map(({ asset, paidOut }) => [asset, paidOut])),
  };
}
