/** Hosts over the real adapters, without threads: database, journal, settle worker and books of their own. */
import { systemClock } from '../../engine/adapters/clock.ts';
import { systemRandom } from '../../engine/adapters/random.ts';
import { postgresBooks } from '../../engine/books/postgres.ts';
import type { Books, NewBatch } from '../../engine/books/types.ts';
import type { Command } from '../../engine/core/command.ts';
import { bindJournal, openJournal } from '../../engine/journal/open.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { Host } from '../../engine/shard/host.ts';
import type { Outcome } from '../../engine/shard/request.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { startSettleWorker } from '../../workers/settle.ts';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';
import { allShards, linkKey } from '../shard/harness.ts';

export type JournalKind = 'embedded' | 'redis';

export interface HostWorld {
  readonly databaseUrl: string;
  /** Alarms that were raised, by name. */
  readonly alarms: readonly string[];
  readonly books: Books;
  /** Not started yet. */
  newHost(): Host;
  /** A host that serves all shards. */
  startHost(): Promise<Host>;
  close(): Promise<void>;
}

export async function hostWorld(
  kind: JournalKind,
  clock: Clock = systemClock,
  confirmWithinSeconds?: number,
): Promise<HostWorld> {
  const endings: (() => Promise<unknown>)[] = [];
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const redis = kind === 'redis' ? await startRedis() : undefined;
  if (redis !== undefined) endings.push(() => redis.remove());
  const alarms: string[] = [];
  const observer = { ...silentObserver, alarm: (what: string) => alarms.push(what) };
  const store = await postgresStore({ url: database.url, observer });
  const journal = await openJournal({
    databaseUrl: database.url,
    redis: redis && { url: redis.url, trustReplicas: false, trustUnreadableSettings: false },
    observer,
    clock,
  });
  const books = await postgresBooks({
    url: database.url,
    now: () => clock.now(),
    ...(confirmWithinSeconds === undefined ? {} : { confirmWithinSeconds }),
  });
  await bindJournal(store, journal);
  const deps = { store, journal, observer, clock };
  const consumer = await startSettleWorker(deps);
  endings.push(
    () => store.close(),
    () => books.close(),
    () => journal.close(),
    () => consumer.close(),
  );
  const newHost = () => new Host({ ...deps, random: systemRandom(), journalWatermark: 0.8 });
  return {
    databaseUrl: database.url,
    alarms,
    books,
    newHost,
    async startHost() {
      const host = newHost();
      await host.start(allShards);
      return host;
    },
    async close() {
      for (const end of endings.toReversed()) await end();
    },
  };
}

const batchDefaults: NewBatch = {
  senderId: 's',
  mode: 'lucky',
  count: 20_000,
  total: 100_000,
  each: undefined,
  asset: 'CNY',
  greeting: '',
  expiresInSeconds: 3_600,
  oncePerReceiver: true,
  linkKey,
};

/** Gives a sender money. */
export async function fund(books: Books, userId: string, amount: number): Promise<void> {
  await books.once(userId, 'test', undefined, async (tx) => {
    await books.deposit(tx, { userId, asset: 'CNY', amount, reference: `${userId}-${amount}` });
    return { status: 201, body: undefined, keep: true };
  });
}

/** A batch that was not confirmed yet, open to anyone with the key. */
export async function createdBatch(books: Books, over: Partial<NewBatch> = {}): Promise<string> {
  const input = { ...batchDefaults, ...over };
  const created = await books.once(input.senderId, 'test', undefined, async (tx) => ({
    status: 201,
    body: await books.createBatch(tx, input),
    keep: true,
  }));
  if (created.code !== 'answered') throw new Error('not created');
  const { id } = created.body as { id: string };
  await books.addAudience(id, input.senderId, 'qr', [], true);
  return id;
}

export async function activeBatch(books: Books, over: Partial<NewBatch> = {}): Promise<string> {
  const id = await createdBatch(books, over);
  const { code } = await books.confirm(id, over.senderId ?? batchDefaults.senderId);
  if (code !== 'confirmed') throw new Error(`not confirmed: ${code}`);
  return id;
}

export function askHost(host: Host, batchId: string, command: Command): Promise<Outcome> {
  return new Promise((resolve) => {
    host.handle({ batchId, command, reply: (outcome) => resolve(outcome) });
  });
}

/** Waits until everything this host decided stands in Postgres. */
export async function untilSettled(host: Host): Promise<void> {
  while (host.status().unsettledEvents > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}
