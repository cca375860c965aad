/**
 * Peer: a counter in memory decides, and every claim becomes a BullMQ job of its own; the answer leaves when the job is
 * added. `bullmq-drain.ts` works the jobs off into PostgreSQL. Only one process may run, and a restart would have to
 * read the books first (left out here: it costs nothing while serving).
 */
import { randomBytes } from 'node:crypto';
import { Queue } from 'bullmq';
import { Pool } from 'pg';
import { type ClaimRecord, insertBatch, prepareLedger } from './ledger.ts';
import { type Claimed, drawLucky, type Refusal, servePeer } from './serve.ts';

interface Batch {
  readonly key: string;
  readonly count: number;
  left: number;
  /** A repeated claim waits for the same job. */
  readonly given: Map<string, Promise<Omit<Claimed, 'repeated'>>>;
}

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 8 });
await prepareLedger(pool);
const queue = new Queue<ClaimRecord>('claims', {
  connection: { url: process.env['REDIS_URL'] ?? '' },
  defaultJobOptions: {
    removeOnComplete: true,
    attempts: 1_000,
    backoff: { type: 'fixed', delay: 500 },
  },
});
const batches = new Map<string, Batch>();

async function claim(id: string, receiver: string, key: string): Promise<Claimed | Refusal> {
  const batch = batches.get(id);
  if (batch === undefined) return 'batch_not_found';
  if (batch.key !== key) return 'bad_key';
  const known = batch.given.get(receiver);
  if (known !== undefined) return { ...(await known), repeated: true };
  const packet = batch.given.size + 1;
  if (packet > batch.count) return 'exhausted';
  const amount = drawLucky(batch.count - packet + 1, batch.left);
  batch.left -= amount;
  const given = { packet, amount, at: Date.now() };
  const added = queue.add('claim', { batch: id, receiver, ...given }).then(() => given);
  batch.given.set(receiver, added);
  return { ...(await added), repeated: false };
}

servePeer({
  async create(count, total) {
    const key = randomBytes(16).toString('base64url');
    const id = await insertBatch(pool, key, count, total);
    batches.set(id, { key, count, left: total, given: new Map() });
    return { id, key };
  },
  claim,
});
