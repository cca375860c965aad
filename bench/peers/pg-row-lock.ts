/** Peer: PostgreSQL alone. The batch's row is locked, the share drawn, everything written in that transaction. */
import { randomBytes } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import { insertBatch, prepareLedger, settleClaims } from './ledger.ts';
import { type Claimed, drawLucky, type Refusal, servePeer } from './serve.ts';

/** More connections only wait for the same row. */
const connections = 20;

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: connections });
await prepareLedger(pool);

/** An empty batch stays empty: nobody has to wait for its lock. */
const exhausted = new Set<string>();

interface BatchRow {
  readonly link_key: string;
  readonly packets: number;
  readonly amount: string;
  readonly claimed: number;
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

type Connection = Pick<PoolClient, 'query'>;

/** What this receiver has got before. */
async function given(connection: Connection, batch: string, receiver: string) {
  const { rows } = await connection.query<{ packet: number; amount: string; at: string }>({
    ...find,
    values: [batch, receiver],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const { packet, amount, at } = row;
  return { packet, amount: Number(amount), at: Number(at), repeated: true };
}

async function decide(
  client: Connection,
  batch: string,
  receiver: string,
  key: string,
): Promise<Claimed | Refusal> {
  const { rows } = await client.query<BatchRow>({ ...lock, values: [batch] });
  const [row] = rows;
  if (row === undefined) return 'batch_not_found';
  if (row.link_key !== key) return 'bad_key';
  const before = await given(client, batch, receiver);
  if (before !== undefined) return before;
  if (row.packets === 0) {
    exhausted.add(batch);
    return 'exhausted';
  }
  const amount = drawLucky(row.packets, Number(row.amount));
  const claimed = { packet: row.claimed + 1, amount, at: Date.now() };
  // Claim, both ledger rows, both balances and the batch's counters: one statement saves trips under the lock.
  await settleClaims(client, [{ batch, receiver, ...claimed }]);
  return { ...claimed, repeated: false };
}

async function claim(batch: string, receiver: string, key: string): Promise<Claimed | Refusal> {
  if (exhausted.has(batch)) return (await given(pool, batch, receiver)) ?? 'exhausted';
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
