/**
 * The request for a withdrawal, in the document's order: registered? limits, money; then card, id and code, stored in one
 * transaction with the held amount. (E17 ¶203–208)
 *
 * Guards invariant 5: what is held was there, under the account's lock.
 */
import { randomUUID } from 'node:crypto';
import { connectionOf } from '../books/context.ts';
import type { Tx } from '../books/types.ts';
import { assert } from '../core/assert.ts';
import { codeValidMs, withdrawalDayMs } from '../limits.ts';
import type { Connection } from '../store/statements.ts';
import { last4Of, sealCard, withdrawalRow } from './card.ts';
import type { PaymentContext } from './context.ts';
import { hold } from './movements.ts';
import type { BrokenLimit, RequestResult, WithdrawalRequest } from './port.ts';
import { registeredCard } from './registration.ts';
import { rowColumns, shown, statusNumbers, type WithdrawalRow } from './rows.ts';

/** See `Payments.request`. After a refusal the transaction has changed nothing but locks. */
export async function request(
  context: PaymentContext,
  tx: Tx,
  wanted: WithdrawalRequest,
): Promise<RequestResult> {
  const connection = connectionOf(tx);
  const { userId, asset, amount } = wanted;
  const { limits, vault } = context;
  assert(Number.isSafeInteger(amount) && amount >= 1, 'an amount is a positive safe integer');

  const card = await registeredCard(connection, context, userId);
  if (card === undefined) return { code: 'registration_required' };
  if (!limits.assets.includes(asset)) {
    return { code: 'asset_not_withdrawable', assets: limits.assets };
  }
  const at = context.now();
  const limit = await brokenLimit(connection, context, wanted, at);
  if (limit !== undefined) return { code: 'withdrawal_limit', limit };
  if (!(await hold(connection, { user_id: userId, asset, amount }))) {
    return { code: 'insufficient_funds' };
  }
  // Not a number of ours: a database restored from a backup must never give the bank an id that it knows.
  const id = randomUUID();
  const sealed = sealCard(vault, card, withdrawalRow(id));
  const { rows } = await connection.query<WithdrawalRow>(
    `INSERT INTO withdrawal (id, user_id, asset, amount, status, requested_at, code_expires_at, code_try_at, bank,
       last4, code_key, card_key, card_nonce, card)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8, $9, $10, $11, $12, $13) RETURNING ${rowColumns}`,
    [
      id,
      userId,
      asset,
      amount,
      statusNumbers.awaiting_verification,
      at,
      at + codeValidMs,
      card.bank,
      last4Of(card.cardNumber),
      vault.currentKeyId,
      sealed.keyId,
      Buffer.from(sealed.nonce),
      Buffer.from(sealed.text),
    ],
  );
  const [row] = rows;
  assert(row !== undefined, 'an insert gives its row');
  return { code: 'requested', withdrawal: shown(row) };
}

/** Requests of one user wait for each other, so that each counts those before it. */
async function brokenLimit(
  connection: Connection,
  { limits }: PaymentContext,
  { userId, asset, amount }: WithdrawalRequest,
  at: number,
): Promise<BrokenLimit | undefined> {
  const { amountMin, amountMax, dayAmountMax, dayCountMax } = limits;
  if (amount < amountMin) return { name: 'min', value: amountMin };
  if (amount > amountMax) return { name: 'max', value: amountMax };
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 17))', [userId]);
  const { failed, rejected } = statusNumbers;
  const { rows } = await connection.query<{ requests: number; sum: string }>(
    `SELECT count(*) AS requests,
       coalesce(sum(amount) FILTER (WHERE asset = $3 AND status NOT IN (${failed}, ${rejected})), 0)::text AS sum
     FROM withdrawal WHERE user_id = $1 AND requested_at > $2`,
    [userId, at - withdrawalDayMs, asset],
  );
  const [used] = rows;
  assert(used !== undefined, 'an aggregate gives a row');
  if (used.requests >= dayCountMax) return { name: 'day_count', value: dayCountMax };
  if (BigInt(used.sum) + BigInt(amount) > BigInt(dayAmountMax)) {
    return { name: 'day_amount', value: dayAmountMax };
  }
  return undefined;
}
