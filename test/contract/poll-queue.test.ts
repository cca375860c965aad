/** PollQueue on both backends: when which account is polled. (T9, c15, ¶87) */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { openPollQueues } from '../../engine/trade-queue/open.ts';
import {
  type DuePoll,
  offsetOf,
  type PollQueue,
  type PollTurn,
} from '../../engine/trade-queue/port.ts';
import { redisOf } from '../integration/trade-worker-support.ts';
import { freshDatabase } from '../setup/database.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const soon = { timeout: 15_000, interval: 20 };
const settled = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(['postgres', 'redis'] as const)('on %s', (backend) => {
  /** A queue that is opened again is the same. */
  const world = async (intervalMs: number, perSecond = 1_000) => {
    const database = await freshDatabase();
    closers.push(() => database.drop());
    const settings = {
      databaseUrl: database.url,
      redis: redisOf(backend),
      observer: silentObserver,
      clock: systemClock,
    };
    const platform = `mall-${randomBytes(6).toString('hex')}`;
    const open = async (): Promise<PollQueue> => {
      const queues = await openPollQueues(settings, { platforms: 2 });
      closers.push(() => queues.close());
      return queues.open({ platform, intervalMs, perSecond });
    };
    return { open, queue: await open() };
  };
  const collect = async (
    queue: PollQueue,
    turn: (poll: DuePoll) => PollTurn = () => ({ code: 'done' }),
  ) => {
    const polls: (DuePoll & { readonly at: number })[] = [];
    const consumer = await queue.consume(
      async (poll) => {
        polls.push({ ...poll, at: Date.now() });
        return turn(poll);
      },
      { concurrency: 8 },
    );
    closers.push(() => consumer.close());
    const of = (id: string) => polls.filter((poll) => poll.id === id);
    return { polls, of, consumer };
  };

  test('T9: each account at its frequency, at its own place in the interval', async () => {
    const { queue } = await world(400);
    const ids = ['1', '2', '3', '900000000000000'];
    for (const id of ids) await queue.schedule(id);
    const { of } = await collect(queue);
    for (const id of ids) await expect.poll(() => of(id).length, soon).toBeGreaterThan(4);
    for (const id of ids) {
      const due = of(id).map(({ dueAt }) => dueAt);
      // The first may come at once.
      const later = due.slice(1);
      expect(later.map((at) => at % 400)).toEqual(later.map(() => offsetOf(id, 400)));
      expect(new Set(due).size).toBe(due.length);
      for (const { dueAt, at } of of(id)) expect(at).toBeGreaterThanOrEqual(dueAt - 20);
    }
  });

  test('T9: scheduled again changes nothing; unscheduled ends', async () => {
    const { queue } = await world(300);
    for (let i = 0; i < 5; i += 1) await queue.schedule('1');
    await queue.schedule('2');
    const { of } = await collect(queue);
    await expect.poll(() => of('1').length, soon).toBeGreaterThan(2);
    const due = of('1').map(({ dueAt }) => dueAt);
    expect(new Set(due).size).toBe(due.length);
    await queue.unschedule('1');
    await settled(350);
    const [ended, other] = [of('1').length, of('2').length];
    await expect.poll(() => of('2').length, soon).toBeGreaterThan(other + 2);
    expect(of('1').length).toBe(ended);
    await queue.unschedule('1');
    await queue.unschedule('never was');
  });

  test('T9: schedules outlive their process, and polls that fail come again when they are due', async () => {
    const { queue, open } = await world(300);
    await queue.schedule('7');
    const first = await collect(queue, () => {
      throw new Error('the database is away');
    });
    await expect.poll(() => first.of('7').length, soon).toBeGreaterThan(2);
    await first.consumer.close();
    const again = await collect(await open());
    await expect.poll(() => again.of('7').length, soon).toBeGreaterThan(2);
  });

  test('T9: what is put off comes again after the rest', async () => {
    const { queue } = await world(60_000);
    let calls = 0;
    await queue.schedule('1');
    const { polls } = await collect(queue, () => {
      calls += 1;
      return calls === 1 ? { code: 'later', restMs: 700 } : { code: 'done' };
    });
    // The first poll of a schedule may be a whole interval away: another one brings the queue to work.
    for (let id = 2; polls.length === 0 && id < 400; id += 1) await queue.schedule(String(id));
    await expect.poll(() => calls, soon).toBeGreaterThan(1);
    const [put, ...others] = polls;
    expect(Math.min(...others.map(({ at }) => at)) - put!.at).toBeGreaterThan(600);
    await expect.poll(() => polls.filter(({ id }) => id === put!.id).length, soon).toBe(2);
  });

  test('T9: no more are begun each second than the platform allows', async () => {
    const { queue } = await world(500, 5);
    for (let id = 1; id <= 20; id += 1) await queue.schedule(String(id));
    const { polls } = await collect(queue);
    await expect.poll(() => polls.length, soon).toBeGreaterThan(15);
    const from = polls[0]!.at;
    const inThree = polls.filter(({ at }) => at < from + 2_900).length;
    expect(inThree).toBeLessThanOrEqual(20);
  });
});

test('T9: accounts are spread over the interval, whatever their numbers', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.constantFrom(1, 2, 3, 10, 64, 1_000), (first, step) => {
      const parts = Array.from({ length: 10 }, () => 0);
      for (let i = 0; i < 500; i += 1) {
        const offset = offsetOf(String(first + i * step), 60_000);
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThan(60_000);
        parts[Math.floor(offset / 6_000)]! += 1;
      }
      expect(Math.min(...parts)).toBeGreaterThan(40);
      expect(Math.max(...parts)).toBeLessThan(60);
    }),
  );
});
