/**
 * The money of withdrawals: held beside the balance, and double entries from the user over in-flight to paid-out.
 *
 * Guards invariants 1 (each movement of state.ts is one function here, its rows sum to zero) and 5 (only what the
 * balance covers is held). Accounts are touched in (asset, owner) order, `outside:` before `user:`, like everywhere.
 */
import { assert } from '../core/assert.ts';
import {
  creditAccounts,
  debitAccounts,
  inFlightAccount,
  insertEntries,
  paidOutAccount,
  userAccount,
  type EntryKind,
} from '../store/ledger.ts';
import { rowCount, type Connection } from '../store/statements.ts';
import type { Movement } from './state.ts';

export interface Moved {
  readonly user_id: string;
  readonly asset: string;
  readonly amount: number;
}

/** Sets an amount aside. False when the balance does not cover it. (¶203) */
export async function hold(
  connection: Connection,
  { user_id, asset, amount }: Moved,
): Promise<boolean> {
  const changed = await rowCount(
    connection.query(
      `UPDATE account SET balance = balance - $3, held = held + $3
       WHERE owner = $1 AND asset = $2 AND balance >= $3`,
      [userAccount(user_id), asset, amount],
    ),
  );
  return changed === 1;
}

/** What a transition does to the money; all but `release` are a transfer under this transaction's newest block. */
export async function move(
  connection: Connection,
  movement: Movement,
  moved: Moved,
  at: number,
): Promise<void> {
  const { user_id, asset, amount } = moved;
  const user = userAccount(user_id);
  const transfer = { asset, amount, at };
  switch (movement) {
    case 'release':
      return unhold(connection, moved, amount);
    case 'take':
      await creditAccounts(connection, [{ owner: inFlightAccount, asset, amount }]);
      await unhold(connection, moved, 0);
      return post(connection, { ...transfer, kind: 'withdrawal', from: user, to: inFlightAccount });
    case 'pay_out':
      await debitInFlight(connection, asset, amount);
      await creditAccounts(connection, [{ owner: paidOutAccount, asset, amount }]);
      return post(connection, {
        ...transfer,
        kind: 'payout',
        from: inFlightAccount,
        to: paidOutAccount,
      });
    case 'give_back':
      await debitInFlight(connection, asset, amount);
      await creditAccounts(connection, [{ owner: user, asset, amount }]);
      return post(connection, {
        ...transfer,
        kind: 'withdrawal_return',
        from: inFlightAccount,
        to: user,
      });
  }
}

/** @param back what of it becomes spendable again: all or nothing */
async function unhold(
  connection: Connection,
  { user_id, asset, amount }: Moved,
  back: number,
): Promise<void> {
  const changed = await rowCount(
    connection.query(
      `UPDATE account SET held = held - $3, balance = balance + $4 WHERE owner = $1 AND asset = $2`,
      [userAccount(user_id), asset, amount, back],
    ),
  );
  assert(changed === 1, 'what is held has an account');
}

async function debitInFlight(connection: Connection, asset: string, amount: number): Promise<void> {
  const changed = await debitAccounts(connection, [{ owner: inFlightAccount, asset, amount }]);
  assert(changed === 1, 'what is in flight has an account');
}

interface Transfer {
  readonly kind: EntryKind;
  readonly asset: string;
  readonly amount: number;
  readonly from: string;
  readonly to: string;
  readonly at: number;
}

async function post(
  connection: Connection,
  { kind, asset, amount, from, to, at }: Transfer,
): Promise<void> {
  const line = { transfer: 0, asset, kind, at, batchId: undefined, version: undefined };
  await insertEntries(connection, [
    { ...line, id: 1, owner: from, amount: -amount },
    { ...line, id: 2, owner: to, amount },
  ]);
}
