/**
 * Statements on `entry` and `account`: double entry, balances beside the entries.
 *
 * Guards invariants 1 (the rows of a transfer sum to zero, and balances move by the same rows) and 5 (the CHECK on
 * user balances). Accounts that several writers share are touched in (asset, owner) order, once per transaction, so
 * that no two writers wait for each other in a circle.
 */
import { assert } from '../core/assert.ts';
import { integers, texts } from './arrays.ts';
import type { Move } from './plan.ts';
import { rowCount, type Connection } from './statements.ts';

/** Stored numbers of the kinds; never renumber. */
export const entryKinds = { deposit: 1, funding: 2, open: 3, refund: 4 } as const;
export type EntryKind = keyof typeof entryKinds;

/** Where deposits come from: its balance is minus what was ever issued of the asset. */
export const operatorAccount = 'outside:operator';

export function userAccount(userId: string): string {
  return `user:${userId}`;
}

export function escrowAccount(batchId: string): string {
  return `escrow:${batchId}`;
}

/** One row of a transfer; amounts are signed minor units. */
export interface Line {
  /** 0, 1, 2 … within one transaction's lines. */
  readonly transfer: number;
  readonly owner: string;
  readonly asset: string;
  readonly amount: number;
  readonly kind: EntryKind;
  readonly at: number;
  readonly batchId: string | undefined;
  readonly version: number | undefined;
}

/** What an account gains (or loses) by a set of lines. */
export interface Change {
  readonly owner: string;
  readonly asset: string;
  amount: number;
}

/** The sequence hands out numbers in blocks of 2^20. */
const linesMax = 1 << 20;

/** Writes lines. Ids grow in their order; the transfers' numbers come from the same block. */
export function insertEntries(connection: Connection, lines: readonly Line[]): Promise<number> {
  assert(lines.length <= linesMax, 'one block of numbers holds the lines of one transaction');
  return rowCount(
    connection.query({
      name: 'insert-entries',
      text: `WITH block AS MATERIALIZED (SELECT nextval('ledger_block') AS first)
        INSERT INTO entry (id, transfer, owner, asset, amount, kind, batch, version, at)
        SELECT first + i, first + transfer, owner, asset, amount, kind, batch, version, at
        FROM block, unnest($1::int[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::bigint[],
          $7::int[], $8::bigint[])
          WITH ORDINALITY AS u (transfer, owner, asset, amount, kind, batch, version, at, i)`,
      values: [
        integers(lines.map((line) => line.transfer)),
        texts(lines.map((line) => line.owner)),
        texts(lines.map((line) => line.asset)),
        integers(lines.map((line) => line.amount)),
        integers(lines.map((line) => entryKinds[line.kind])),
        integers(lines.map((line) => line.batchId)),
        integers(lines.map((line) => line.version)),
        integers(lines.map((line) => line.at)),
      ],
    }),
  );
}

/** Adds to accounts, making those that do not exist; amounts ≥ 0, in (asset, owner) order. */
export function creditAccounts(
  connection: Connection,
  credits: readonly Change[],
): Promise<number> {
  return rowCount(
    connection.query({
      name: 'credit-accounts',
      // unnest() gives the rows in the order of the arrays, and that is the order the rows are locked in.
      text: `INSERT INTO account (owner, asset, balance)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
        ON CONFLICT (owner, asset) DO UPDATE SET balance = account.balance + excluded.balance`,
      values: columns(credits),
    }),
  );
}

/**
 * Takes from accounts that exist; resolves with the number found. (An upsert cannot do it: the proposed row, with
 * its negative balance, would break the CHECK before the conflict is seen.)
 *
 * @throws check violation (23514) where the balance does not suffice
 */
export function debitAccounts(connection: Connection, debits: readonly Change[]): Promise<number> {
  return rowCount(
    connection.query({
      name: 'debit-accounts',
      text: `UPDATE account SET balance = balance - u.amount
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (owner, asset, amount)
        WHERE account.owner = u.owner AND account.asset = u.asset`,
      values: columns(debits),
    }),
  );
}

/** Of these accounts, the owners that have none. */
export async function missingAccounts(
  connection: Connection,
  changes: readonly Change[],
): Promise<Set<string>> {
  const { rows } = await connection.query<{ owner: string }>(
    `SELECT u.owner FROM unnest($1::text[], $2::text[]) AS u (owner, asset)
     LEFT JOIN account USING (owner, asset) WHERE account.balance IS NULL`,
    columns(changes).slice(0, 2),
  );
  return new Set(rows.map(({ owner }) => owner));
}

function columns(changes: readonly Change[]): string[] {
  return [
    texts(changes.map((change) => change.owner)),
    texts(changes.map((change) => change.asset)),
    integers(changes.map((change) => change.amount)),
  ];
}

/** A set of moves as ledger rows. */
export interface Posting {
  readonly lines: Line[];
  /** Users who receive, in (asset, owner) order. */
  readonly credits: Change[];
  /** Escrows that give, one per batch. */
  readonly debits: Change[];
}

/**
 * Moves, grouped by batch, as one transfer per batch and kind: a row for every receiver and one for the escrow.
 * (One escrow row per move would double the rows and tell nothing more.)
 */
export function postMoves(moves: readonly Move[]): Posting {
  const lines: Line[] = [];
  const credits = new Map<string, Change>();
  const debits: Change[] = [];
  let transfer = -1;
  let debit: Change | undefined;
  let moved = 0;
  for (const [i, { kind, batchId, version, at, asset, userId, amount }] of moves.entries()) {
    const previous = moves[i - 1];
    if (previous?.batchId !== batchId) {
      debit = { owner: escrowAccount(batchId), asset, amount: 0 };
      debits.push(debit);
    }
    assert(debit !== undefined, 'the first move starts a batch');
    if (previous?.batchId !== batchId || previous.kind !== kind) {
      transfer += 1;
      moved = 0;
    }
    const owner = userAccount(userId);
    lines.push({ transfer, owner, asset, amount, kind, at, batchId, version });
    debit.amount += amount;
    moved += amount;
    const following = moves[i + 1];
    if (following?.batchId !== batchId || following.kind !== kind) {
      lines.push({
        transfer,
        owner: debit.owner,
        asset,
        amount: -moved,
        kind,
        at,
        batchId,
        version,
      });
    }
    const name = `${asset}\n${owner}`;
    const credit = credits.get(name);
    if (credit === undefined) credits.set(name, { owner, asset, amount });
    else credit.amount += amount;
  }
  // A newline sorts before every character of an asset, so this is the order by asset, then owner, in the C locale.
  const names = [...credits.keys()].sort();
  return { lines, credits: names.map((name) => credits.get(name) as Change), debits };
}
