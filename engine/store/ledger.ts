/**
 * Statements on `entry` and `account`: double entry, balances beside the entries.
 *
 * Guards invariants 1 (the rows of a transfer sum to zero, and balances move by the same rows) and 5 (the CHECK on
 * user balances). Accounts that several writers share are touched in (asset, owner) order, once per transaction, so
 * that no two writers wait for each other in a circle.
 */
import { assert } from '../core/assert.ts';
import { integers, texts, unnested } from './arrays.ts';
import { copied, copyRows } from './copy.ts';
import type { Move } from './plan.ts';
import { rowCount, type Connection } from './statements.ts';

/** Stored numbers of the kinds; never renumber. */
export const entryKinds = {
  deposit: 1,
  funding: 2,
  open: 3,
  refund: 4,
  /** A user's amount goes to the bank: in flight. */
  withdrawal: 5,
  /** … and has arrived. */
  payout: 6,
  /** … or comes back. */
  withdrawal_return: 7,
} as const;
export type EntryKind = keyof typeof entryKinds;

/** Where deposits come from: its balance is minus what was ever issued of the asset. */
export const operatorAccount = 'outside:operator';

/** What was ordered of the bank and has no final answer. */
export const inFlightAccount = 'outside:in-flight';
/** What the bank has paid out. */
export const paidOutAccount = 'outside:paid-out';

export function userAccount(userId: string): string {
  return `user:${userId}`;
}

export function escrowAccount(batchId: string): string {
  return `escrow:${batchId}`;
}

/** One row of a transfer; amounts are signed minor units. */
export interface Line {
  /** 1, 2, 3 … within one transaction's lines: a user's entries are told in this order. */
  readonly id: number;
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

const lineColumns = [
  'id',
  'transfer',
  'owner',
  'asset',
  'amount',
  'kind',
  'batch',
  'version',
  'at',
];
const lineTypes = ['int', 'int', 'text', 'text', 'bigint', 'smallint', 'bigint', 'int', 'bigint'];
const insert = `WITH block AS MATERIALIZED (SELECT nextval('ledger_block') AS first)
  INSERT INTO entry (${lineColumns.join(', ')})
  SELECT first + id, first + transfer, ${lineColumns.slice(2).join(', ')}
  FROM block, (SELECT ${unnested(lineTypes, lineColumns)}) AS line`;

/** Writes lines; their ids and transfers become numbers of a block of their own. */
export function insertEntries(connection: Connection, lines: readonly Line[]): Promise<number> {
  assert(lines.length < linesMax, 'one block of numbers holds the lines of one transaction');
  return rowCount(
    connection.query({
      name: 'insert-entries',
      text: insert,
      values: [
        integers(lines.map((line) => line.id)),
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

/** Takes a block of numbers for the lines of this transaction. */
export async function takeBlock(connection: Connection): Promise<bigint> {
  const { rows } = await connection.query<{ first: string }>({
    name: 'take-block',
    text: `SELECT nextval('ledger_block')::text AS first`,
  });
  return BigInt(rows[0]?.first ?? 0);
}

/** As `insertEntries` for many lines, with a block that was taken before. */
export function copyEntries(
  connection: Connection,
  first: bigint,
  lines: readonly Line[],
): Promise<number> {
  assert(lines.length < linesMax, 'one block of numbers holds the lines of one transaction');
  const safe = first + BigInt(linesMax) <= Number.MAX_SAFE_INTEGER;
  const base = Number(first);
  const numbered = (n: number) => (safe ? base + n : first + BigInt(n));
  let rows = '';
  for (const { id, transfer, owner, asset, amount, kind, batchId, version, at } of lines) {
    rows += `${numbered(id)}\t${numbered(transfer)}\t${copied(owner)}\t${copied(asset)}\t${amount}\t${entryKinds[kind]}\t${batchId ?? '\\N'}\t${version ?? '\\N'}\t${at}\n`;
  }
  return copyRows(connection, `entry (${lineColumns.join(', ')})`, rows);
}

/** Adds to accounts, making those that do not exist; amounts ≥ 0, in (asset, owner) order. */
export function creditAccounts(
  connection: Connection,
  credits: readonly Change[],
): Promise<number> {
  return rowCount(
    connection.query({
      name: 'credit-accounts',
      // Rows are locked in the order of the arrays.
      text: `INSERT INTO account (owner, asset, balance) SELECT ${unnested(['text', 'text', 'bigint'])}
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
  /** Ordered by account, because the table's index is: neighbours fall on the same page. */
  readonly lines: readonly Line[];
  /** Users who receive, in (asset, owner) order. */
  readonly credits: readonly Change[];
  /** Escrows that give, one per batch. */
  readonly debits: readonly Change[];
}

interface Credit extends Change {
  readonly lines: Line[];
}

/**
 * Moves, grouped by batch, as one transfer per batch and kind: a row for every receiver and one for the escrow.
 * (One escrow row per move would double the rows and tell nothing more.)
 */
export function postMoves(moves: readonly Move[]): Posting {
  const credits = new Map<string, Map<string, Credit>>();
  const debits: Change[] = [];
  const escrowLines: Line[] = [];
  let id = 0;
  let transfer = -1;
  let moved = 0;
  let debit: Change = { owner: '', asset: '', amount: 0 };
  for (const [i, move] of moves.entries()) {
    const { kind, batchId, version, at, asset, userId, amount } = move;
    const previous = moves[i - 1];
    if (previous?.batchId !== batchId) {
      debit = { owner: escrowAccount(batchId), asset, amount: 0 };
      debits.push(debit);
    }
    if (previous === undefined || !isSameTransfer(previous, move)) {
      transfer += 1;
      moved = 0;
    }
    debit.amount += amount;
    moved += amount;
    id += 1;
    const credit = creditOf(credits, asset, userId);
    credit.amount += amount;
    credit.lines.push({
      id,
      transfer,
      owner: credit.owner,
      asset,
      amount,
      kind,
      at,
      batchId,
      version,
    });
    const following = moves[i + 1];
    if (following === undefined || !isSameTransfer(move, following)) {
      id += 1;
      escrowLines.push({
        id,
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
  }
  // All owners are `user:` and an id, so this is the order by asset, then owner, in the C locale.
  const sorted: Credit[] = [];
  for (const asset of [...credits.keys()].sort()) {
    const ofAsset = credits.get(asset) as Map<string, Credit>;
    for (const userId of [...ofAsset.keys()].sort()) sorted.push(ofAsset.get(userId) as Credit);
  }
  return {
    lines: [...escrowLines, ...sorted.flatMap(({ lines }) => lines)],
    credits: sorted,
    debits,
  };
}

function isSameTransfer(one: Move, other: Move): boolean {
  return one.batchId === other.batchId && one.kind === other.kind;
}

function creditOf(
  credits: Map<string, Map<string, Credit>>,
  asset: string,
  userId: string,
): Credit {
  let ofAsset = credits.get(asset);
  if (ofAsset === undefined) credits.set(asset, (ofAsset = new Map()));
  let credit = ofAsset.get(userId);
  if (credit === undefined) {
    credit = { owner: userAccount(userId), asset, amount: 0, lines: [] };
    ofAsset.set(userId, credit);
  }
  return credit;
}
