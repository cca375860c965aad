/**
 * Take-overs in a row under load, on the real adapters: nobody is told two things (invariants 2 and 3).
 * TAKE_OVERS sets how many.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { systemRandom } from '../../engine/adapters/random.ts';
import { postgresBooks } from '../../engine/books/postgres.ts';
import type { Books } from '../../engine/books/types.ts';
import { bindJournal, openJournal } from '../../engine/journal/open.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { Host } from '../../engine/shard/host.ts';
import type { Outcome } from '../../engine/shard/request.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { startSettleWorker } from '../../workers/settle.ts';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';
import { allShards, claim } from '../shard/harness.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function world(kind: 'embedded' | 'redis') {
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
    clock: systemClock,
  });
  const books = await postgresBooks({ url: database.url });
  await bindJournal(store, journal);
  const deps = { store, journal, observer, clock: systemClock };
  const consumer = await startSettleWorker(deps);
  endings.push(
    () => store.close(),
    () => books.close(),
    () => journal.close(),
    () => consumer.close(),
  );
  return { alarms, books, hostDeps: { ...deps, random: systemRandom(), journalWatermark: 0.8 } };
}

const batches = 64;

async function fundedBatch(books: Books, index: number): Promise<string> {
  const created = await books.once('s', 'test', undefined, async (tx) => {
    await books.deposit(tx, { userId: 's', asset: 'CNY', amount: 100_000, reference: `r${index}` });
    const batch = await books.createBatch(tx, {
      senderId: 's',
      mode: 'lucky',
      count: 20_000,
      total: 100_000,
      each: undefined,
      asset: 'CNY',
      greeting: '',
      expiresInSeconds: 3_600,
      oncePerReceiver: true,
      linkKey: 'the-key-of-the-link-0001',
    });
    return { status: 201, body: batch, keep: true };
  });
  if (created.code !== 'answered') throw new Error('not created');
  const { id } = created.body as { id: string };
  await books.addAudience(id, 's', 'qr', [], true);
  await books.confirm(id, 's');
  return id;
}

describe.each([
  ['redis', Number(process.env['TAKE_OVERS'] ?? 1_000)],
  ['embedded', Number(process.env['TAKE_OVERS'] ?? 200)],
] as const)('%s journal', (kind, takeOvers) => {
  it(`${takeOvers} take-overs under load contradict nothing`, { timeout: 600_000 }, async () => {
    const { alarms, books, hostDeps } = await world(kind);
    // Many batches, so that what each take-over has to load stays small.
    const ids = await Promise.all(Array.from({ length: batches }, (_, i) => fundedBatch(books, i)));

    let current = new Host(hostDeps);
    await current.start(allShards);
    let done = false;
    const amounts = new Map<string, number>();
    const codes = new Map<string, number>();
    const ask = (name: string) =>
      new Promise<Outcome>((resolve) => {
        const [batchId = '', receiverId = ''] = name.split(' ');
        current.handle({ batchId, command: claim(receiverId, true), reply: resolve });
      });
    const one = async (client: number) => {
      for (let i = 0; !done; i += 1) {
        // Old receivers come again and again between the new ones.
        const turn = i % 3 === 0 ? i : Math.floor(i / 2);
        const name = `${ids[turn % batches]} c${client}-${turn}`;
        const outcome = await ask(name);
        codes.set(outcome.code, (codes.get(outcome.code) ?? 0) + 1);
        if (outcome.code === 'claimed' || outcome.code === 'repeated') {
          const amount = outcome.packet.amount ?? 0;
          expect(amounts.get(name) ?? amount).toBe(amount);
          amounts.set(name, amount);
        } else if (outcome.code === 'unknown')
          await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const clients = Promise.all(Array.from({ length: 16 }, (_, i) => one(i)));
    for (let i = 0; i < takeOvers; i += 1) {
      const next = new Host(hostDeps);
      // The old one is not told: it finds out by its next read of ownership.
      await next.start(allShards);
      const old = current;
      current = next;
      const before = codes.get('claimed') ?? 0;
      while ((codes.get('claimed') ?? 0) === before)
        await new Promise((resolve) => setImmediate(resolve));
      setTimeout(() => void old.drain(0), 100);
    }
    done = true;
    await clients;

    const sums = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
    let pending = true;
    while (pending) {
      const { status } = { status: current.status() };
      pending = status.unsettledEvents > 0;
      if (pending) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    let opened = 0;
    let openedAmount = 0;
    for (const id of ids) {
      const page = await books.batchPage(id, 's', undefined);
      if (page.code !== 'page') throw new Error('no page');
      opened += page.page.opened;
      openedAmount += page.page.openedAmount;
    }
    // Claims that nobody was told of may have taken effect; none that was told is missing.
    expect(opened).toBeGreaterThanOrEqual(amounts.size);
    expect(openedAmount).toBeGreaterThanOrEqual(sums);
    for (const [name, amount] of amounts) {
      const outcome = await ask(name);
      expect(outcome).toMatchObject({ code: 'repeated', packet: { amount } });
    }
    expect(alarms).toEqual([]);
    expect((await books.audit()).mismatches).toBe(0);
    expect(codes.get('claimed')).toBeGreaterThanOrEqual(takeOvers);
    expect(codes.get('unknown')).toBeGreaterThan(0);
    await current.drain(1_000);
  });
});
