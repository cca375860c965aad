import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { FakePushes } from '../../engine/push/fake.ts';
import { type RunningServer, startServer } from '../../gateway/server.ts';
import type { StreamSettings } from '../../gateway/stream/settings.ts';
import { EventStream, type StreamOptions } from '../setup/event-stream.ts';
import { harness } from './harness.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
});

async function serve(settings: Partial<StreamSettings> = {}, pushes = new FakePushes()) {
  const made = harness({}, undefined, { pushes, settings });
  const { lifecycle } = made.deps;
  const onClosing = () => made.streams.end();
  const options = { port: 0, host: '127.0.0.1', lifecycle, onClosing };
  const server: RunningServer = await startServer(made.app, options);
  endings.push(() => server.drain());
  const url = `http://127.0.0.1:${server.port}`;
  const open = async (userId: string, more?: StreamOptions) =>
    EventStream.open(url, await made.token(userId), more);
  const refusal = async (userId: string, more?: StreamOptions) =>
    EventStream.refusal(url, await made.token(userId), more);
  const say = (userId: string, n: number) => {
    for (let i = 0; i < n; i += 1) pushes.push(userId, 'message.created', { text: `line\n${i}` });
  };
  return { ...made, pushes, server, url, open, refusal, say };
}

const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);

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
    const { url, pushes, token, say } = await serve();
    let release = () => {};
    pushes.listenGate = new Promise<void>((resolve) => (release = resolve));
    const opening = EventStream.open(url, await token('ann'));
    const { listen } = pushes;
    // Right behind the commit of listening.
    pushes.listen = async (userId) => {
      const listening = await listen.call(pushes, userId);
      say('ann', 2);
      await sleep(5);
      return listening;
    };
    release();
    const early = await opening;
    const stream = await EventStream.open(url, await token('ann'));
    await early.atLeast(2);
    await stream.atLeast(3);
    expect(stream.numbers).toEqual([1, 2].map((no) => no + Number(stream.events[0]!.id)));
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

describe('bounds and ends', () => {
  test('so many streams of a user, so many of a process', async () => {
    const { open, refusal, streams, deps } = await serve({ userStreamsMax: 2, streamsMax: 3 });
    const held = await Promise.all([open('ann'), open('ann'), open('bob')]);
    const third = await refusal('cid');
    expect([third.status, third.problem['code']]).toEqual([503, 'overloaded']);
    expect(third.headers['retry-after']).toBe('1');
    held[2]!.destroy();
    await expect.poll(() => streams.size).toBe(2);
    const another = await refusal('ann');
    expect([another.status, another.problem['code']]).toEqual([429, 'too_many_streams']);
    expect(Number(another.headers['retry-after'])).toBeGreaterThan(0);
    const metrics = await deps.metrics.exposition([]);
    expect(metrics).toMatch(/^hongbao_streams_open 2$/m);
    expect(metrics).toMatch(/^hongbao_streams_refused_total 2$/m);
    for (const stream of held) stream.destroy();
    await expect.poll(() => streams.size).toBe(0);
    // No place was lost on the way.
    const again = await Promise.all([open('ann'), open('ann'), open('bob')]);
    for (const stream of again) stream.destroy();
  });

  test('without a token 401; a stream ends when its token does', async () => {
    const { url, open, world } = await serve({ tickMs: 5 });
    expect((await fetch(`${url}/v1/stream`)).status).toBe(401);
    const stream = await open('ann');
    world.now += 86_399_000;
    await sleep(20);
    expect(stream.isClosed).toBe(false);
    world.now += 1_000;
    await stream.closed;
  });

  test('opening that fails or takes too long is told, and holds no place', async () => {
    const { refusal, pushes, open } = await serve({ openTimeoutMs: 20, userStreamsMax: 1 });
    pushes.failure = Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    expect((await refusal('ann')).problem['code']).toBe('unknown');
    pushes.failure = undefined;
    pushes.listenGate = new Promise(() => {});
    expect((await refusal('ann')).problem['code']).toBe('unknown');
    pushes.listenGate = Promise.resolve();
    (await open('ann')).destroy();
  });

  test('HEAD opens nothing; a target that only Hono can read opens a stream', async () => {
    const { url, token, say, streams } = await serve({ userStreamsMax: 1 });
    const headers = { authorization: `Bearer ${await token('ann')}` };
    for (let i = 0; i < 3; i += 1) {
      const head = await fetch(`${url}/v1/stream`, { method: 'HEAD', headers });
      expect([head.status, await head.text()]).toEqual([200, '']);
    }
    expect(streams.size).toBe(0);
    const response = await fetch(`${url}/v1/%73tream`, { headers });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    say('ann', 1);
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('id: 1\n')) text += Buffer.from((await reader.read()).value!).toString();
    await reader.cancel();
    await expect.poll(() => streams.size).toBe(0);
  });

  test('draining ends streams at once, also of clients that do not read', async () => {
    const { server, open, say, refusal, streams } = await serve();
    const reading = await open('ann');
    const stuck = await open('bob', { paused: true });
    say('bob', 100_000);
    await reading.atLeast(1);
    const startedAt = performance.now();
    await server.drain();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await reading.closed;
    expect(streams.size).toBe(0);
    await expect(refusal('ann')).rejects.toThrow();
    stuck.destroy();
  });

  test('HTTP/1.0 gets its events too', async () => {
    const { server, token, say } = await serve();
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`GET /v1/stream HTTP/1.0\r\nAuthorization: Bearer ${await token('ann')}\r\n\r\n`);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await expect.poll(() => text).toContain('stream.opened');
    say('ann', 1);
    await expect.poll(() => text).toContain('\n\nid: 1\nevent: message.created\ndata: {"text"');
    expect(text.toLowerCase()).not.toContain('transfer-encoding');
    socket.destroy();
  });
});
