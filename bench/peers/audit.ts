/** Do a peer's books add up? Each figure from its own rows. */
import type { Pool } from 'pg';

export async function claimsInLedger(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ sum: string | null }>('SELECT sum(claimed) FROM batch');
  return Number(rows[0]?.sum ?? 0);
}

/** Each counts what must not be there. */
const mismatches: Readonly<Record<string, string>> = {
  'entries do not sum to zero': 'SELECT FROM (SELECT sum(amount) AS s FROM entry) e WHERE s <> 0',
  'a batch differs from its claims': `SELECT FROM batch LEFT JOIN
    (SELECT batch, count(*) AS n, sum(amount) AS s FROM claim GROUP BY batch) c ON c.batch = batch.id
    WHERE claimed <> coalesce(n, 0) OR opened_amount <> coalesce(s, 0) OR (claimed = count AND opened_amount <> total)`,
  'two claims have the same packet': 'SELECT FROM claim GROUP BY batch, packet HAVING count(*) > 1',
  'a balance differs from its entries': `SELECT FROM account FULL JOIN
    (SELECT owner, sum(amount) AS s FROM entry GROUP BY owner) e USING (owner)
    LEFT JOIN batch ON owner = 'escrow:' || batch.id
    WHERE balance IS DISTINCT FROM coalesce(s, 0) + coalesce(total, 0)`,
};

/** What does not add up; empty when everything does. */
export async function checkLedger(pool: Pool): Promise<string[]> {
  const problems: string[] = [];
  for (const [problem, query] of Object.entries(mismatches)) {
    const { rowCount } = await pool.query(query);
    if (rowCount !== 0) problems.push(problem);
  }
  return problems;
}
