/** Peer: PostgreSQL alone. The batch's row is locked, the share drawn, everything written in that transaction. */
import { randomBytes } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import { insertBatch, prepareLedger, settleClaims } from './ledger.ts';
import { type Claimed, drawLucky, type Refusal, servePeer } from './serve.ts';

/** More connections only wait for the same row. */
const connections = 20;

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: connections });
await prepareLedger(pool);

interface BatchRow {
  readonly link_key: string;
  readonly packets: number;
  readonly amount: string;
}

const lock = {
  name: 'lock',
  text: `SELECT link_key, count - claimed AS packets, total - opened_amount AS amount, claimed
    FROM batch WHERE id = $1 FOR UPDATE`,
};
const find = {
  name: 'find',
  text: 'SELECT packet, amount, at FROM claim WHERE batch = $1 AND receiver = $2',
};

async function decide(
  client: PoolClient,
  batch: string,
  receiver: string,
  key: string,
): Promise<Claimed | Refusal> {
  const { rows } = await client.query<BatchRow & { claimed: number }>({ ...lock, values: [batch] });
  const [row] = rows;
  if (row === undefined) return 'batch_not_found';
  if (row.link_key !== key) return 'bad_key';
  const found = await client.query<{ packet: number; amount: string; at: string }>({
    ...find,
    values: [batch, receiver],
  });
  const [known] = found.rows;
  if (known !== undefined) {
    const { packet, amount, at } = known;
    return { packet, amount: Number(amount), at: Number(at), repeated: true };
  }
  if (row.packets === 0) return 'exhausted';
  const amount = drawLucky(row.packets, Number(row.amount));
  const given = { packet: row.claimed + 1, amount, at: Date.now() };
  // Claim, both ledger rows, both balances and the batch's counters: one statement saves trips under the lock.
  await settleClaims(client, [{ batch, receiver, ...given }]);
  return { ...given, repeated: false };
}

async function claim(batch: string, receiver: string, key: string): Promise<Claimed | Refusal> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const outcome = await decide(client, batch, receiver, key);
    await client.query('COMMIT');
    client.release();
    return outcome;
  } catch (error) {
    // What became of its transaction is unknown, so the connection is not used again.
    client.release(true);
    throw error;
  }
}

servePeer({
  async create(count, total) {
    const key = randomBytes(16).toString('base64url');
    return { id: await insertBatch(pool, key, count, total), key };
  },
  claim,
});
