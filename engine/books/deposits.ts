/** Operator deposits: the only way value comes into the system. Guards invariants 1 and 5's other side. (E4, E18) */
import { assert } from '../core/assert.ts';
import { amountMax } from '../limits.ts';
import { creditAccounts, insertEntries, operatorAccount, userAccount } from '../store/ledger.ts';
import type { Connection } from '../store/statements.ts';
import { connectionOf, type BooksContext } from './context.ts';
import type { DepositInput, DepositResult, Tx } from './types.ts';

interface DepositRow {
  readonly user_id: string;
  readonly asset: string;
  readonly amount: number;
  readonly balance: number;
}

/** See `Books.deposit`. After a refusal the transaction has changed nothing but locks. */
export async function deposit(
  { now }: BooksContext,
  tx: Tx,
  input: DepositInput,
): Promise<DepositResult> {
  const connection = connectionOf(tx);
  const { userId, asset, amount, reference } = input;
  assert(Number.isSafeInteger(amount) && amount >= 1, 'a deposit is a positive safe integer');

  const earlier = await selectDeposit(connection, reference);
  if (earlier !== undefined) return repeated(earlier, input);

  // The lock on the operator's account puts all deposits of one asset in a row, so that "issued" stays bounded.
  const { issued, balance } = await lockAccounts(connection, userId, asset);
  if (amount > amountMax - issued || amount > amountMax - balance)
    return { code: 'balance_overflow' };
  const inserted = await connection.query(
    `INSERT INTO deposit (reference, user_id, asset, amount, balance, transfer, at)
     VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING`,
    [reference, userId, asset, amount, balance + amount, now()],
  );
  if (inserted.rowCount === 0) {
    const winner = await selectDeposit(connection, reference);
    assert(winner !== undefined, 'a taken reference can be read');
    return repeated(winner, input);
  }
  await post(connection, input, now());
  return { code: 'deposited', account: userAccount(userId), balance: balance + amount };
}

async function selectDeposit(
  connection: Connection,
  reference: string,
): Promise<DepositRow | undefined> {
  const { rows } = await connection.query<DepositRow>(
    'SELECT user_id, asset, amount, balance FROM deposit WHERE reference = $1',
    [reference],
  );
  return rows[0];
}

function repeated(row: DepositRow, { userId, asset, amount }: DepositInput): DepositResult {
  const same = row.user_id === userId && row.asset === asset && row.amount === amount;
  if (!same) return { code: 'reference_reused' };
  return { code: 'deposited', account: userAccount(userId), balance: row.balance };
}

/** Makes both accounts if need be and locks them, `outside:` before `user:`: the order of owners. */
async function lockAccounts(
  connection: Connection,
  userId: string,
  asset: string,
): Promise<{ issued: number; balance: number }> {
  const balances: number[] = [];
  for (const owner of [operatorAccount, userAccount(userId)]) {
    const { rows } = await connection.query<{ balance: number }>(
      `INSERT INTO account (owner, asset, balance) VALUES ($1, $2, 0)
       ON CONFLICT (owner, asset) DO UPDATE SET balance = account.balance
       RETURNING balance + held AS balance`,
      [owner, asset],
    );
    balances.push(rows[0]?.balance ?? 0);
  }
  const [outside = 0, balance = 0] = balances;
  return { issued: -outside, balance };
}

async function post(connection: Connection, input: DepositInput, at: number): Promise<void> {
  const { userId, asset, amount, reference } = input;
  const line = {
    transfer: 0,
    asset,
    kind: 'deposit',
    at,
    batchId: undefined,
    version: undefined,
  } as const;
  const owner = userAccount(userId);
  await insertEntries(connection, [
    { ...line, id: 1, owner: operatorAccount, amount: -amount },
    { ...line, id: 2, owner, amount },
  ]);
  await connection.query(
    "UPDATE deposit SET transfer = currval('ledger_block') WHERE reference = $1",
    [reference],
  );
  await connection.query(
    'UPDATE account SET balance = balance - $3 WHERE owner = $1 AND asset = $2',
    [operatorAccount, asset, amount],
  );
  await creditAccounts(connection, [{ owner, asset, amount }]);
}
