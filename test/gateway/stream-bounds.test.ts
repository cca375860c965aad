/** Bounds of streams, and how they end. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { WritersLinger } from '../../engine/push/port.ts';
import { serveStreams as serve } from './stream-support.ts';

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
    const { url, open, token, world } = await serve({ tickMs: 5 });
    const inUrl = `${url}/v1/stream?access_token=${await token('ann')}`;
    for (const target of [`${url}/v1/stream`, inUrl]) {
      expect((await fetch(target)).status).toBe(401);
    }
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

  test('a transaction that may overlook the listener is told, and not kept waiting for', async () => {
    const { refusal, pushes, open, logged } = await serve({ userStreamsMax: 1 });
    pushes.failure = new WritersLinger('a transaction does not end');
    const refused = await refusal('ann');
    expect([refused.status, refused.problem['code']]).toEqual([503, 'stream_delayed']);
    expect(refused.headers['retry-after']).toBe('5');
    pushes.failure = undefined;
    (await open('ann')).destroy();
    expect(logged).toEqual([]);
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
