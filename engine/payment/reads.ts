/** Withdrawals as their owner sees them. */
import { decodeCursor, pageOf } from '../books/cursor.ts';
import type { PageAt, Paged } from '../books/page.ts';
import { expireCodesOf } from './codes.ts';
import type { PaymentContext } from './context.ts';
import type { Withdrawal } from './port.ts';
import { rowColumns, shown, type WithdrawalRow } from './rows.ts';

/** See `Payments.withdrawal`. */
export async function withdrawal(
  context: PaymentContext,
  userId: string,
  id: string,
): Promise<Withdrawal | undefined> {
  await expireCodesOf(context, userId);
  const { rows } = await context.pool.query<WithdrawalRow>(
    `SELECT ${rowColumns} FROM withdrawal WHERE id = $1 AND user_id = $2`,
    [id, userId],
  );
  return rows[0] && shown(rows[0]);
}

/** See `Payments.withdrawals`. */
export async function withdrawals(
  context: PaymentContext,
  userId: string,
  { cursor, limit }: PageAt,
): Promise<Paged<Withdrawal>> {
  const before = cursor === undefined ? [null] : decodeCursor(cursor, 1);
  if (before === undefined) return { code: 'bad_cursor' };
  await expireCodesOf(context, userId);
  const { rows } = await context.pool.query<WithdrawalRow>(
    `SELECT ${rowColumns} FROM withdrawal
     WHERE user_id = $1 AND ($2::bigint IS NULL OR withdrawal.no < $2) ORDER BY withdrawal.no DESC LIMIT $3`,
    [userId, before[0], limit + 1],
  );
  return {
    code: 'page',
    ...pageOf(
      rows,
      limit,
      (row) => shown(row),
      (row) => [row.no],
    ),
  };
}
