/**
 * Withdrawals and packets against the ledger. Each query reads both of its sides in one statement, and so in one snapshot:
 * what moves meanwhile is never taken for a difference.
 *
 * Guards invariant 1 by telling which row breaks it; the audit says that there is one.
 */
import type { PoolClient } from 'pg';
import { withdrawalMovements } from '../books/audit-withdrawals.ts';
import { statusNumbers } from '../payment/rows.ts';
import { inFlightAccount, paidOutAccount } from '../store/ledger.ts';
import { bounded, slowQuery } from './session.ts';

const { awaiting_verification: awaiting, processing, paid } = statusNumbers;

/** An account's balance against the withdrawals in one state, asset by asset. */
const outside = (kind: string, owner: string, status: number) => `
  SELECT '${kind}', '', '${owner}', asset, ${status}::smallint, ${bounded('coalesce(w.amount, 0)')}, coalesce(a.balance, 0), NULL::bigint
  FROM (SELECT asset, balance FROM account WHERE owner = '${owner}') AS a
  FULL JOIN (SELECT asset, sum(amount) AS amount FROM withdrawal WHERE status = ${status} GROUP BY asset) AS w USING (asset)
  WHERE coalesce(a.balance, 0) <> coalesce(w.amount, 0)`;

/** Kind, id, account, asset, status, amounts by the records and by the ledger, since when. */
const queries = [
  // Entries of kinds 5, 6 and 7 are those of withdrawals.
  `SELECT CASE WHEN e.transfer IS NULL THEN 'transfer_missing' WHEN m.transfer IS NULL THEN 'transfer_unknown'
      ELSE 'transfer_differs' END,
    coalesce(m.id::text, ''), coalesce(m.owner, e.owner), coalesce(m.asset, e.asset), m.status, m.amount, e.amount,
    coalesce(m.verified_at, e.at)
  FROM (SELECT m.*, withdrawal.status, withdrawal.verified_at
    FROM (${withdrawalMovements}) AS m JOIN withdrawal USING (id)) AS m
  FULL JOIN (SELECT transfer, owner, asset, kind, amount, at FROM entry
    WHERE kind IN (5, 6, 7) OR owner IN ('${inFlightAccount}', '${paidOutAccount}')) AS e
    ON e.transfer = m.transfer AND e.owner = m.owner AND e.asset = m.asset AND e.kind = m.kind
  WHERE m.amount IS DISTINCT FROM e.amount`,
  `SELECT 'held_differs', '', owner, asset, ${awaiting}::smallint, ${bounded('coalesce(w.amount, 0)')}, coalesce(a.held, 0), w.since
  FROM (SELECT owner, asset, held FROM account WHERE held <> 0) AS a
  FULL JOIN (SELECT 'user:' || user_id AS owner, asset, sum(amount) AS amount, min(requested_at) AS since
    FROM withdrawal WHERE status = ${awaiting} GROUP BY user_id, asset) AS w USING (owner, asset)
  WHERE coalesce(a.held, 0) <> coalesce(w.amount, 0)`,
  outside('in_flight_differs', inFlightAccount, processing),
  outside('paid_out_differs', paidOutAccount, paid),
  `SELECT 'escrow_differs', coalesce(b.id::text, ''), owner, asset, NULL::smallint, ${bounded('coalesce(b.amount, 0)')},
    coalesce(a.balance, 0), b.confirmed_at
  FROM (SELECT owner, asset, balance FROM account WHERE owner LIKE 'escrow:%') AS a
  FULL JOIN (SELECT id, 'escrow:' || id AS owner, asset, confirmed_at,
      total - refunded_amount - coalesce(p.opened, 0) AS amount
    FROM batch LEFT JOIN (SELECT batch, sum(amount) AS opened FROM packet GROUP BY batch) AS p ON p.batch = batch.id
    WHERE confirmed_at IS NOT NULL) AS b USING (owner, asset)
  WHERE coalesce(a.balance, 0) <> coalesce(b.amount, 0)`,
];

/** Puts what the ledger says otherwise into `found`. */
export async function findLedgerDifferences(session: PoolClient): Promise<void> {
  for (const query of queries) {
    await slowQuery(
      session,
      `INSERT INTO found (kind, id, account, asset, here, amount_here, amount_there, since) ${query}`,
    );
  }
}
