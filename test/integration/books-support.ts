/** A migrated database with books and a store on it, and the few steps every test of the books takes. */
import { Pool } from 'pg';
import { postgresBooks } from '../../engine/books/postgres.ts';
import type {
  Answer,
  Books,
  DepositInput,
  DepositResult,
  NewBatch,
} from '../../engine/books/types.ts';
import type { BatchEvent } from '../../engine/core/types.ts';
import type { Applied, Store } from '../../engine/ports/store.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { freshDatabase } from '../setup/database.ts';

export interface BooksUnderTest {
  readonly url: string;
  readonly books: Books;
  readonly store: Store;
  readonly pool: Pool;
  readonly clock: { now: number };
  deposit(userId: string, amount: number, more?: Partial<DepositInput>): Promise<DepositResult>;
  create(senderId: string, changes?: Partial<NewBatch>): Promise<string>;
  /** Created and confirmed. */
  active(senderId: string, changes?: Partial<NewBatch>): Promise<string>;
  settle(events: readonly BatchEvent[]): Promise<Applied>;
  balance(userId: string, asset?: string): Promise<number>;
  close(): Promise<void>;
}

export const linkKey = 'key-of-the-link';
export const confirmWithinSeconds = 3_600;

export async function booksUnderTest(): Promise<BooksUnderTest> {
  const database = await freshDatabase();
  const clock = { now: 1_700_000_000_000 };
  const books = await postgresBooks({
    url: database.url,
    confirmWithinSeconds,
    now: () => clock.now,
  });
  const store = await postgresStore({ url: database.url, poolMax: 4 });
  const pool = new Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined);
  const number = await store.newOwner([1]);
  let references = 0;

  const inTx = async <T>(
    work: (tx: Parameters<Parameters<Books['once']>[3]>[0]) => Promise<T>,
  ): Promise<T> => {
    let result: { value: T } | undefined;
    await books.once('operator', 'test', undefined, async (tx): Promise<Answer> => {
      result = { value: await work(tx) };
      return { status: 200, body: null, keep: true };
    });
    return result!.value;
  };
  const create = async (senderId: string, changes: Partial<NewBatch> = {}) => {
    const input: NewBatch = {
      senderId,
      mode: 'lucky',
      count: 3,
      total: 30,
      each: undefined,
      asset: 'CNY',
      greeting: 'good luck',
      expiresInSeconds: 60,
      oncePerReceiver: true,
      linkKey,
      ...changes,
    };
    return (await inTx((tx) => books.createBatch(tx, input))).id;
  };
  return {
    url: database.url,
    books,
    store,
    pool,
    clock,
    create,
    deposit: (userId, amount, more) => {
      references += 1;
      const input = { userId, asset: 'CNY', amount, reference: `reference-${references}`, ...more };
      return inTx((tx) => books.deposit(tx, input));
    },
    async active(senderId, changes) {
      const id = await create(senderId, changes);
      const { code } = await books.confirm(id, senderId);
      if (code !== 'confirmed') throw new Error(`confirm answered ${code}`);
      return id;
    },
    settle: (events) =>
      store.withOwner(number, async (owner) => {
        const applied = await owner.apply(events, clock.now);
        await owner.advance(owner.settled + 1, 0);
        return applied;
      }),
    balance: async (userId, asset = 'CNY') =>
      (await books.accounts(userId)).find((account) => account.asset === asset)?.balance ?? 0,
    async close() {
      await books.close();
      await store.close();
      await pool.end();
      await database.drop();
    },
  };
}
