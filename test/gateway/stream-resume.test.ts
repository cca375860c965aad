/** Resuming: each number once, in order, or a word that some are gone. */
import { describe, expect, test } from 'vitest';
import type { StreamOptions } from '../setup/event-stream.ts';
import { serveStreams as serve, upTo } from './stream-support.ts';

describe('resuming', () => {
  test('after a number gives all later ones, by header or query; the header counts', async () => {
    const { open, say, pushes } = await serve({ pageMax: 3 });
    await pushes.listen('ann');
    say('ann', 10);
    const ways: StreamOptions[] = [
      { lastEventId: '4' },
      { search: '?lastEventId=4' },
      { lastEventId: '4', search: '?lastEventId=9' },
    ];
    for (const way of ways) {
      const stream = await open('ann', way);
      await stream.atLeast(7);
      expect(stream.events[0]).toEqual({ id: '4', type: 'stream.opened', data: { newest: 10 } });
      expect(stream.numbers).toEqual(upTo(10, 5));
      stream.destroy();
    }
  });

  test('again and again, while pushes go on: each number once, in order', async () => {
    const { open, say } = await serve({ pageMax: 4 });
    let stream = await open('ann');
    const got: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      say('ann', 13);
      await stream.atLeast(1 + (round % 5) * 3);
      stream.destroy();
      say('ann', 2);
      got.push(...stream.numbers);
      stream = await open('ann', { lastEventId: stream.lastEventId });
    }
    await stream.atLeast(1 + 300 - got.length);
    expect([...got, ...stream.numbers]).toEqual(upTo(300));
    stream.destroy();
  });

  test.each(['-1', '1.5', 'abc', '1e3', '01', ' 1 2', '9007199254740993', '1, 2'])(
    '%s is refused',
    async (lastEventId) => {
      const { refusal, streams, pushes } = await serve();
      const byHeader = await refusal('ann', { lastEventId });
      expect([byHeader.status, byHeader.problem['code']]).toEqual([400, 'invalid_request']);
      expect(byHeader.problem['errors']).toMatchObject([{ field: 'Last-Event-ID' }]);
      const search = `?lastEventId=${encodeURIComponent(lastEventId)}`;
      const byQuery = await refusal('ann', { search });
      expect(byQuery.problem['errors']).toMatchObject([{ field: 'lastEventId' }]);
      expect(streams.size).toBe(0);
      expect((await pushes.newest(['ann'])).size).toBe(0);
    },
  );

  test('an empty one is none', async () => {
    const { open } = await serve();
    const stream = await open('ann', { lastEventId: '' });
    expect(await stream.atLeast(1)).toMatchObject([{ id: '0', type: 'stream.opened' }]);
    stream.destroy();
  });

  test.each([
    ['older than what is kept', '2'],
    ['larger than the newest', '11'],
  ])('%s: the client is told to read its pages again', async (_what, lastEventId) => {
    const { open, say, pushes } = await serve();
    await pushes.listen('ann');
    say('ann', 10);
    pushes.purge('ann', 5);
    const stream = await open('ann', { lastEventId });
    say('ann', 1);
    await stream.atLeast(3);
    expect(stream.events).toMatchObject([
      { id: '10', type: 'stream.opened', data: { newest: 10 } },
      { id: '10', type: 'stream.reset', data: { newest: 10 } },
      { id: '11', type: 'message.created' },
    ]);
    stream.destroy();
    const kept = await open('ann', { lastEventId: '5' });
    await kept.atLeast(7);
    expect(kept.numbers).toEqual(upTo(11, 6));
    kept.destroy();
  });

  test('what is purged under an open stream is told, not left out', async () => {
    const { open, say, pushes } = await serve({ sweepMs: 20, tickMs: 5 });
    const stream = await open('ann');
    pushes.silent = true;
    say('ann', 5);
    pushes.purge('ann', 3);
    await stream.atLeast(4);
    expect(stream.events.map(({ id, type }) => `${id} ${type}`)).toEqual([
      '0 stream.opened',
      '3 stream.reset',
      '4 message.created',
      '5 message.created',
    ]);
    say('ann', 2);
    pushes.purge('ann', 7);
    await stream.atLeast(5);
    expect(stream.events.at(-1)).toMatchObject({ id: '7', type: 'stream.reset' });
    // Forgotten while connected, numbers begin again.
    pushes.forget('ann');
    await stream.atLeast(6);
    expect(stream.events.at(-1)).toMatchObject({ id: '0', type: 'stream.reset' });
    say('ann', 1);
    await stream.atLeast(7);
    expect(stream.events.at(-1)).toMatchObject({ id: '1', type: 'message.created' });
    stream.destroy();
  });
});
