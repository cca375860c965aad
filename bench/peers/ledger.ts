/**
 * The peers' books in PostgreSQL: claims, double entry, balances. Written set by set, and a claim that comes again
 * moves nothing, so that a drain may repeat what it is not sure of.
 */
import type { Pool } from 'pg';

export interface ClaimRecord {
  readonly batch: string;
  readonly receiver: string;
  readonly packet: number;
  readonly amount: number;
  readonly at: number;
}

const schema = `
  CREATE TABLE IF NOT EXISTS batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link_key text NOT NULL,
    count integer NOT NULL,
    total bigint NOT NULL,
    claimed integer NOT NULL DEFAULT 0 CHECK (claimed <= count),
    opened_amount bigint NOT NULL DEFAULT 0 CHECK (opened_amount <= total)
  ) WITH (fillfactor = 50);
  CREATE TABLE IF NOT EXISTS claim (
    batch bigint NOT NULL,
    at bigint NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    packet integer NOT NULL,
    receiver text COLLATE "C" NOT NULL,
    PRIMARY KEY (batch, receiver)
  );
  -- The rows that one transaction writes for one batch sum to zero.
  CREATE TABLE IF NOT EXISTS entry (
    id bigint GENERATED ALWAYS AS IDENTITY,
    batch bigint NOT NULL,
    at bigint NOT NULL,
    amount bigint NOT NULL,
    owner text COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, id)
  );
  CREATE TABLE IF NOT EXISTS account (
    balance bigint NOT NULL CHECK (balance >= 0),
    owner text COLLATE "C" PRIMARY KEY
  ) WITH (fillfactor = 70);`;

export async function prepareLedger(pool: Pool): Promise<void> {
  await pool.query(schema);
}

/** Makes an active batch with its escrow. */
export async function insertBatch(
  pool: Pool,
  key: string,
  count: number,
  total: number,
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `WITH made AS (INSERT INTO batch (link_key, count, total) VALUES ($1, $2, $3) RETURNING id),
     escrow AS (INSERT INTO account (owner, balance) SELECT 'escrow:' || id, $3 FROM made)
     SELECT id::text FROM made`,
    [key, count, total],
  );
  return rows[0]?.id ?? '';
}

/** One statement, so one transaction and one trip. */
const settleText = `
  WITH claimed AS (
    INSERT INTO claim (batch, receiver, packet, amount, at)
    SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::int[]), unnest($4::bigint[]), unnest($5::bigint[])
    ON CONFLICT DO NOTHING
    RETURNING batch, receiver, amount, at
  ), summed AS (
    SELECT batch, count(*) AS claims, sum(amount) AS amount, max(at) AS at FROM claimed GROUP BY batch
  ), entries AS (
    INSERT INTO entry (batch, at, amount, owner)
    SELECT batch, at, amount, 'user:' || receiver FROM claimed
    UNION ALL SELECT batch, at, -amount, 'escrow:' || batch FROM summed
  ), credits AS (
    INSERT INTO account (owner, balance)
    SELECT 'user:' || receiver, sum(amount) FROM claimed GROUP BY receiver ORDER BY receiver
    ON CONFLICT (owner) DO UPDATE SET balance = account.balance + excluded.balance
  ), debits AS (
    UPDATE account SET balance = balance - summed.amount FROM summed WHERE owner = 'escrow:' || summed.batch
  )
  UPDATE batch SET claimed = claimed + summed.claims, opened_amount = opened_amount + summed.amount
  FROM summed WHERE id = summed.batch`;

export async function settleClaims(
  pool: Pick<Pool, 'query'>,
  records: readonly ClaimRecord[],
): Promise<void> {
  await pool.query({
    name: 'settle',
    text: settleText,
    values: [
      records.map(({ batch }) => batch),
      records.map(({ receiver }) => receiver),
      records.map(({ packet }) => packet),
      records.map(({ amount }) => amount),
      records.map(({ at }) => at),
    ],
  });
}
