/** What must agree about withdrawals: each query gives one row per disagreement, none when all is well. (E17) */
import { statusNumbers } from '../payment/rows.ts';

const { awaiting_verification: awaiting, paid, failed } = statusNumbers;

/** Every row that withdrawals moved, as their own records say. Kinds: 5 taken, 6 paid out, 7 given back. */
export const withdrawalMovements = `SELECT id, taken_transfer AS transfer, asset, 5 AS kind, l.owner, l.sign * amount AS amount
  FROM withdrawal, LATERAL (VALUES ('user:' || user_id, -1), ('outside:in-flight', 1)) AS l (owner, sign)
  WHERE taken_transfer IS NOT NULL
  UNION ALL
  SELECT id, ended_transfer, asset, CASE WHEN status = ${paid} THEN 6 ELSE 7 END, l.owner, l.sign * amount
  FROM withdrawal, LATERAL (VALUES ('outside:in-flight', -1),
    (CASE WHEN status = ${paid} THEN 'outside:paid-out' ELSE 'user:' || user_id END, 1)) AS l (owner, sign)
  WHERE status IN (${paid}, ${failed})`;

export const withdrawalMismatchQueries = {
  /** Every movement of a withdrawal stands in the ledger, on both sides, and the other way round. */
  withdrawals: `SELECT FROM (${withdrawalMovements}) AS m
    FULL JOIN (SELECT transfer, owner, asset, kind, amount FROM entry
      WHERE kind IN (5, 6, 7) OR owner IN ('outside:in-flight', 'outside:paid-out')) AS e
      ON e.transfer = m.transfer AND e.owner = m.owner AND e.asset = m.asset AND e.kind = m.kind
        AND e.amount = m.amount
    WHERE e.transfer IS NULL OR m.transfer IS NULL`,
  /** What an account holds is what its withdrawals wait with. */
  held: `SELECT FROM (SELECT owner, asset, held FROM account WHERE held <> 0) AS a
    FULL JOIN (SELECT 'user:' || user_id AS owner, asset, sum(amount) AS amount FROM withdrawal
      WHERE status = ${awaiting} GROUP BY user_id, asset) AS w USING (owner, asset)
    WHERE a.held IS DISTINCT FROM w.amount`,
} as const;
