/**
 * Ledger, packets, withdrawals and the bank's list against each other. (E17)
 *
 * Our side and the bank's are read at different moments, so a first look at them only makes suspects: each is looked at
 * again, here and at the bank, before it is called a difference.
 */
import type { Pool, PoolClient } from 'pg';
import type { Books } from '../books/types.ts';
import { reconcileQueriesAtATime, reconcileQueriesMax } from '../limits.ts';
import type { Bank } from '../ports/bank.ts';
import {
  findPaidTwice,
  findSuspects,
  hereAgain,
  keepListed,
  type Span,
  type Suspect,
  suspects,
} from './bank-side.ts';
import {
  type Difference,
  kindOf,
  type Patience,
  patienceDefault,
  type There,
} from './difference.ts';
import { findLedgerDifferences } from './ledger-side.ts';
import { found, inSession } from './session.ts';

export interface ReconcileDeps {
  readonly pool: Pool;
  readonly bank: Pick<Bank, 'query' | 'list'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Ends it early, with its reason thrown. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReconcileInput extends Span {
  /** Default: the limits. */
  readonly patience?: Patience | undefined;
}

export interface Reconciled {
  /** Withdrawals, and payouts in the bank's list. */
  readonly withdrawals: number;
  readonly listed: number;
  /** Suspects that the bank was not asked about again, because there were too many; its list was believed. */
  readonly unasked: number;
}

/** Is told each difference as it is found, one after the other. */
export type Tell = (difference: Difference) => void | Promise<void>;

/**
 * Compares everything once.
 *
 * @throws BankUnavailable when the bank's list cannot be read: then nothing is known of the bank's side
 */
export function reconcile(
  deps: ReconcileDeps,
  input: ReconcileInput,
  tell: Tell,
): Promise<Reconciled> {
  return inSession(deps.pool, (session) => compare(session, deps, input, tell));
}

/** Any number; the same in every version of the program, and no other lock's. */
const reconcileLock = 7_261_937;

/** The same, unless another process does it right now: then undefined. */
export function reconcileAlone(
  deps: ReconcileDeps,
  input: ReconcileInput,
  tell: Tell,
): Promise<Reconciled | undefined> {
  return inSession(deps.pool, async (session) => {
    // Held until the session ends, however it ends.
    const { rows } = await session.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_lock($1) AS mine',
      [reconcileLock],
    );
    return rows[0]?.mine === true ? compare(session, deps, input, tell) : undefined;
  });
}

async function compare(
  session: PoolClient,
  { bank, now, signal }: ReconcileDeps,
  { from, until, patience = patienceDefault }: ReconcileInput,
  tell: Tell,
): Promise<Reconciled> {
  // Whoever ends while the list is read is just ahead, however long that takes.
  const startedAt = now();
  await findLedgerDifferences(session);
  for await (const difference of found(session)) await tell(difference);

  // Wider than what is compared, for clocks that differ.
  const { graceMs } = patience;
  const list = bank.list(Math.max(0, from - graceMs), until + graceMs);
  const listed = await keepListed(session, untilAborted(list, signal));
  await session.query('TRUNCATE found');
  await findPaidTwice(session);
  for await (const difference of found(session)) await tell(difference);

  const withdrawals = await findSuspects(session, { from, until }, startedAt, patience);
  let asked = 0;
  let unasked = 0;
  for await (const page of suspects(session)) {
    for (let i = 0; i < page.length; i += reconcileQueriesAtATime) {
      signal?.throwIfAborted();
      const part = page.slice(i, i + reconcileQueriesAtATime);
      const isAsked = asked < reconcileQueriesMax;
      if (isAsked) asked += part.length;
      else unasked += part.length;
      const again = isAsked ? await Promise.all(part.map((one) => askedAgain(bank, one))) : part;
      // Our side last: asking may have taken its time.
      for (const suspect of await hereAgain(session, again)) {
        const difference = differenceOf(suspect, startedAt, patience);
        if (difference !== undefined) await tell(difference);
      }
    }
  }
  return { withdrawals, listed, unasked };
}

async function* untilAborted<Item>(
  items: AsyncIterable<Item>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item> {
  for await (const item of items) {
    signal?.throwIfAborted();
    yield item;
  }
}

function differenceOf(
  { id, here, there }: Suspect,
  now: number,
  patience: Patience,
): Difference | undefined {
  const kind = kindOf(here, there, now, patience);
  if (kind === undefined) return undefined;
  return {
    kind,
    id,
    account: '',
    asset: here?.asset ?? there?.asset ?? '',
    here: here?.status ?? '',
    there: there?.state ?? '',
    amountHere: here?.amount,
    amountThere: there?.amount,
    since: here?.verifiedAt ?? there?.at,
  };
}

/** With the bank's side as it is now. What we never had, or had otherwise, only the list can tell. */
async function askedAgain(bank: Pick<Bank, 'query'>, suspect: Suspect): Promise<Suspect> {
  const { id, here, there } = suspect;
  if (here === undefined) return suspect;
  const { asset, amount } = here;
  if (there !== undefined && (there.asset !== asset || there.amount !== amount)) return suspect;
  const said = await bank.query(id, { asset, amount });
  switch (said.code) {
    case 'unknown':
      return suspect;
    case 'not_found':
      return { id, here, there: undefined };
    case 'paid':
    case 'failed':
    case 'pending': {
      const paidAt = said.code === 'paid' ? said.at : undefined;
      const at = there?.at ?? here.verifiedAt ?? 0;
      const isListed = there !== undefined;
      const now: There = { state: said.code, asset, amount, at, paidAt, isListed };
      return { id, here, there: now };
    }
  }
}

/** The whole audit as differences. */
export async function reconcileLedger(books: Pick<Books, 'audit'>, tell: Tell): Promise<void> {
  const { assets, mismatches } = await books.audit();
  const none = { id: '', account: '', here: '', there: '', since: undefined } as const;
  for (const { asset, issued, difference } of assets) {
    if (difference === 0) continue;
    const amounts = { amountHere: issued, amountThere: issued - difference };
    await tell({ ...none, kind: 'ledger_difference', asset, ...amounts });
  }
  if (mismatches !== 0) {
    const amounts = { amountHere: mismatches, amountThere: undefined };
    await tell({ ...none, kind: 'ledger_mismatch', asset: '', ...amounts });
  }
}
