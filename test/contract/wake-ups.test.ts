/** WakeUps on both backends: words come, once while they wait, and leave nothing behind. */
import { inject, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { openJournal } from '../../engine/journal/open.ts';
import { openWakeUps } from '../../engine/payment-queue/open.ts';
import type { WakeUp, WakeUps } from '../../engine/payment-queue/port.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';

const shared = { clock: systemClock, observer: silentObserver };
type Later = (cleanup: () => Promise<void>) => void;

async function opened(kind: string, later: Later) {
  const database = await freshDatabase({ migrated: false });
  later(() => database.drop());
  let redis;
  if (kind === 'redis') {
    const server = await startRedis();
    later(() => server.remove());
    redis = { url: server.url, trustReplicas: false, trustUnreadableSettings: false };
  }
  const settings = { ...shared, databaseUrl: database.url, redis };
  const open = async () => {
    const wakeUps = await openWakeUps(settings);
    later(() => wakeUps.close());
    return wakeUps;
  };
  return { settings, open, wakeUps: await open() };
}

async function untilEmpty(wakeUps: WakeUps): Promise<void> {
  for (let turn = 0; (await wakeUps.depth()) > 0; turn += 1) {
    if (turn > 500) throw new Error('something stays in the queue');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const word = (n: number): WakeUp => ({ kind: n % 2 === 0 ? 'code' : 'payout', id: `id-${n}` });

describe.concurrent.each(['redis', 'postgres'])('wake-ups on %s', (kind) => {
  it('come once while they wait, and again when said again', async ({ onTestFinished: later }) => {
    const { wakeUps, open } = await opened(kind, later);
    for (let i = 0; i < 6; i += 1) await wakeUps.add(word(i % 3));
    expect(await wakeUps.depth()).toBe(3);
    const seen: WakeUp[] = [];
    const worker = await open();
    await worker.consume(async (wakeUp) => void seen.push(wakeUp), { concurrency: 4 });
    await untilEmpty(wakeUps);
    expect(new Set(seen.map(({ kind: what, id }) => `${what} ${id}`))).toEqual(
      new Set(['code id-0', 'payout id-1', 'code id-2']),
    );
    await wakeUps.add(word(1));
    await untilEmpty(wakeUps);
    expect(seen).toHaveLength(4);
  });

  it('about codes do not wait behind payouts', async ({ onTestFinished: later }) => {
    const { wakeUps } = await opened(kind, later);
    for (let i = 0; i < 5; i += 1) await wakeUps.add({ kind: 'payout', id: `p-${i}` });
    await wakeUps.add({ kind: 'code', id: 'c' });
    const seen: string[] = [];
    await wakeUps.consume(async ({ id }) => void seen.push(id), { concurrency: 1 });
    await untilEmpty(wakeUps);
    expect(seen).toEqual(['c', 'p-0', 'p-1', 'p-2', 'p-3', 'p-4']);
  });

  it('whose handler rejects leave as well, and the same can be said again', async ({
    onTestFinished: later,
  }) => {
    const { wakeUps } = await opened(kind, later);
    let calls = 0;
    const handler = async () => {
      calls += 1;
      throw new Error('the bank is on fire');
    };
    await wakeUps.consume(handler, { concurrency: 1 });
    await wakeUps.add(word(1));
    await untilEmpty(wakeUps);
    await wakeUps.add(word(1));
    await untilEmpty(wakeUps);
    expect(calls).toBe(2);
  });

  it("stay out of the journal's way", async ({ onTestFinished: later }) => {
    const { settings, wakeUps } = await opened(kind, later);
    const journal = await openJournal(settings);
    later(() => journal.close());
    await wakeUps.add(word(1));
    await journal.add('1-1', 'x');
    expect(await journal.depth()).toBe(1);
    expect(await wakeUps.depth()).toBe(1);
  });
});

it('a queue that is away rejects soon', async () => {
  const server = await startRedis();
  const redis = { url: server.url, trustReplicas: false, trustUnreadableSettings: false };
  const wakeUps = await openWakeUps({ ...shared, databaseUrl: inject('pgUrl'), redis });
  await server.remove();
  await expect(wakeUps.add(word(1))).rejects.toThrow();
  await wakeUps.close();
});
