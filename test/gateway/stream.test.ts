/** What an open stream brings. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FakePushes } from '../../engine/push/fake.ts';
import { serveStreams as serve, upTo } from './stream-support.ts';

describe('a stream', () => {
  test('begins with what comes from now on, and tells where that is', async () => {
    const { open, say, pushes } = await serve();
    await pushes.listen('ann');
    say('ann', 3);
    const stream = await open('ann');
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': expect.any(String),
    });
    await stream.atLeast(1);
    expect(stream.retryMs).toBeGreaterThanOrEqual(1_000);
    say('ann', 2);
    pushes.push('bob', 'message.created', {});
    await stream.atLeast(3);
    expect(stream.events).toEqual([
      { id: '3', type: 'stream.opened', data: { newest: 3 } },
      { id: '4', type: 'message.created', data: { text: 'line\n0' } },
      { id: '5', type: 'message.created', data: { text: 'line\n1' } },
    ]);
    stream.destroy();
  });

  test('what comes between listening and the first bytes is not lost', async () => {
    class Racing extends FakePushes {
      /** Right behind the commit of listening, long before the first bytes. */
      override async listen(userId: string) {
        const listening = await super.listen(userId);
        for (const text of ['a', 'b']) this.push(userId, 'message.created', { text });
        await sleep(5);
        return listening;
      }
    }
    const { open } = await serve({ sweepMs: 60_000 }, new Racing());
    const early = await open('ann');
    await early.atLeast(3);
    const stream = await open('ann');
    await early.atLeast(5);
    await stream.atLeast(3);
    expect(early.numbers).toEqual(upTo(4));
    expect(stream.events[0]?.id).toBe('2');
    expect(stream.numbers).toEqual([3, 4]);
    early.destroy();
    stream.destroy();
  });

  test('all devices of a user get everything once, a new one while others are served', async () => {
    const { open, say } = await serve({ pageMax: 7 });
    const devices = await Promise.all(upTo(5).map(() => open('ann')));
    say('ann', 40);
    const late = await open('ann', { lastEventId: '0' });
    say('ann', 10);
    for (const device of [...devices, late]) {
      await device.atLeast(51);
      expect(device.numbers).toEqual(upTo(50));
      device.destroy();
    }
  });

  test('a device that has much to catch up with does not keep the others of its user waiting', async () => {
    class Slow extends FakePushes {
      override async read(userId: string, after: number, limit: number) {
        await sleep(2);
        return super.read(userId, after, limit);
      }
    }
    const { open, say, pushes } = await serve({ pageMax: 2 }, new Slow());
    await pushes.listen('ann');
    say('ann', 1_000);
    const live = await open('ann');
    const late = await Promise.all([
      open('ann', { lastEventId: '0' }),
      open('ann', { lastEventId: '300' }),
    ]);
    for (let n = 1; n <= 3; n += 1) {
      say('ann', 1);
      await live.atLeast(1 + n);
      // They are a long way off.
      for (const { numbers } of late) expect(numbers.at(-1) ?? 0).toBeLessThan(600);
    }
    expect(live.numbers).toEqual(upTo(1_003, 1_001));
    await late[0]!.atLeast(1_004);
    await late[1]!.atLeast(704);
    expect(late.map(({ numbers }) => numbers)).toEqual([upTo(1_003), upTo(1_003, 301)]);
    for (const stream of [live, ...late]) stream.destroy();
  });

  test('lost words heal, and so does a read that failed', async () => {
    const { open, say, pushes, logged } = await serve({ sweepMs: 40, tickMs: 10 });
    const stream = await open('ann');
    pushes.silent = true;
    say('ann', 3);
    await stream.atLeast(4);
    pushes.silent = false;
    pushes.failure = new Error('the database is away');
    say('ann', 2);
    await sleep(60);
    pushes.failure = undefined;
    await stream.atLeast(6);
    expect(stream.numbers).toEqual(upTo(5));
    expect(logged.some(({ message }) => message === 'pushes could not be read')).toBe(true);
    stream.destroy();
  });

  test('a watch that was lost asks about everybody at once', async () => {
    const { open, say, pushes } = await serve({ sweepMs: 60_000, sweepUsersMax: 2 });
    const streams = await Promise.all(['ann', 'bob', 'cid', 'dan', 'eve'].map((id) => open(id)));
    pushes.silent = true;
    for (const id of ['ann', 'bob', 'cid', 'dan', 'eve']) say(id, 2);
    pushes.say(undefined);
    for (const stream of streams) {
      await stream.atLeast(3);
      expect(stream.numbers).toEqual([1, 2]);
      stream.destroy();
    }
  });

  test('comments keep it alive, listeners are kept, and nothing runs when all are gone', async () => {
    const { open, pushes, streams } = await serve({ heartbeatMs: 30, tickMs: 5, touchMs: 20 });
    const stream = await open('ann');
    await expect.poll(() => stream.comments).toBeGreaterThan(2);
    expect(pushes.touched).toContain('ann');
    stream.destroy();
    await expect.poll(() => streams.size).toBe(0);
    await sleep(10);
    pushes.touched.length = 0;
    await sleep(50);
    expect(pushes.touched).toEqual([]);
  });

  test('reads are bounded however many are told at once, and a long resume lets others by', async () => {
    const { open, say, pushes } = await serve({ readsMax: 2, pageMax: 5 });
    await pushes.listen('zoe');
    say('zoe', 200);
    const ids = upTo(30).map((n) => `user-${n}`);
    const streams = await Promise.all(ids.map((id) => open(id)));
    pushes.gate = sleep(20);
    const long = await open('zoe', { lastEventId: '0' });
    for (const id of ids) say(id, 1);
    for (const stream of streams) {
      await stream.atLeast(2);
      stream.destroy();
    }
    await long.atLeast(201);
    expect(long.numbers).toEqual(upTo(200));
    expect(pushes.readsAtOnce).toBe(2);
    long.destroy();
  });
});
