/** The two stores under contract, each with what a test needs besides the port: batches, and a look at balances. */
import { type Client, Pool } from 'pg';
import { shardOf } from '../../engine/core/hash.ts';
import type { BatchParams, ClaimedEvent, OpenedEvent } from '../../engine/core/types.ts';
import type { Store } from '../../engine/ports/store.ts';
import { FakeStore } from '../../engine/store/fake.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { freshDatabase } from '../setup/database.ts';

export interface StoreUnderTest {
  readonly store: Store;
  addBatch(params: BatchParams, confirmed?: boolean): Promise<void>;
  /** Minor units; 0 where there is no account. */
  balance(owner: string, asset?: string): Promise<number>;
  close(): Promise<void>;
}

export type MakeStore = () => Promise<StoreUnderTest>;

export async function fakeUnderTest(): Promise<StoreUnderTest> {
  const store = new FakeStore();
  return {
    store,
    addBatch: async (params, confirmed) => store.addBatch(params, confirmed),
    balance: async (owner, asset = 'CNY') => store.balance(owner, asset),
    close: () => store.close(),
  };
}

export async function postgresUnderTest(): Promise<StoreUnderTest> {
  const database = await freshDatabase();
  const store = await postgresStore({ url: database.url });
  const pool = new Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  return {
    store,
    addBatch: (params, confirmed) => insertBatch(pool, params, confirmed),
    balance: async (owner, asset = 'CNY') => {
      const { rows } = await pool.query<{ balance: string }>(
        'SELECT balance FROM account WHERE owner = $1 AND asset = $2',
        [owner, asset],
      );
      return Number(rows[0]?.balance ?? 0);
    },
    close: async () => {
      await store.close();
      await pool.end();
      await database.drop();
    },
  };
}

/** A batch as confirmation leaves it, without the money's way there. */
export async function insertBatch(
  pool: Pool | Client,
  params: BatchParams,
  confirmed = true,
): Promise<void> {
  const { id, createdAt, expiresAt, total, each, count, asset } = params;
  await pool.query(
    `INSERT INTO batch (id, shard, created_at, last_event_at, confirmed_at, expires_at, total, each, count, expires_in,
       once_per_receiver, mode, asset, sender, link_key, greeting)
     VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, 60, $9, $10, $11, $12, $13, $14)`,
    [
      id,
      shardOf(id),
      createdAt,
      confirmed ? createdAt : null,
      confirmed ? expiresAt : null,
      total,
      each ?? null,
      count,
      params.oncePerReceiver,
      params.mode,
      asset,
      params.senderId,
      params.linkKey,
      params.greeting,
    ],
  );
  if (!confirmed) return;
  await pool.query('INSERT INTO account (owner, asset, balance) VALUES ($1, $2, $3)', [
    `escrow:${id}`,
    asset,
    total,
  ]);
}

export const createdAt = 1_700_000_000_000;

/** A lucky batch of three packets and ten units, unless told otherwise. */
export function batchOf(id: string, changes: Partial<BatchParams> = {}): BatchParams {
  return {
    id,
    mode: 'lucky',
    count: 3,
    total: 10,
    each: undefined,
    asset: 'CNY',
    greeting: 'good luck',
    senderId: 'sender',
    oncePerReceiver: true,
    linkKey: 'key-of-the-link',
    createdAt,
    expiresAt: createdAt + 60_000,
    ...changes,
  };
}

/** A claim at version and packet; an amount opens it in the same step. */
export function claimed(
  batchId: string,
  version: number,
  packet: number,
  receiverId: string,
  amount?: number,
): ClaimedEvent {
  const at = createdAt + version;
  return {
    kind: 'claimed',
    batchId,
    version,
    at,
    packet,
    receiverId,
    amount,
    tag: undefined,
    position: undefined,
  };
}

export function opened(
  batchId: string,
  version: number,
  packet: number,
  receiverId: string,
  amount: number,
): OpenedEvent {
  return { kind: 'opened', batchId, version, at: createdAt + version, packet, receiverId, amount };
}
