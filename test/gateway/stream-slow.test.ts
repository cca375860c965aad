/** A client that does not read: memory stays bounded, it is cut off, and resumes without a gap. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { StreamClient } from '../../gateway/stream/client.ts';
import { pushEvent } from '../../gateway/stream/events.ts';
import { streamCounts } from '../../gateway/stream/metrics.ts';
import { serveStreams as serve, upTo } from './stream-support.ts';

const text = 'x'.repeat(1_000);
/** More than the system's own buffers between two sockets take. */
const many = 40_000;

describe('a client that does not read', () => {
  test('is cut off, and resumes; others of the same user are served meanwhile', async () => {
    const { open, pushes, streams } = await serve({ slowMs: 300, tickMs: 20 });
    const stuck = await open('ann', { paused: true });
    const reading = await open('ann');
    for (let i = 0; i < many; i += 1) pushes.push('ann', 'message.created', { text });
    await reading.atLeast(many + 1);
    expect(reading.numbers).toEqual(upTo(many));
    await expect.poll(() => streams.counts.cutOff).toBe(1);
    expect(streams.size).toBe(1);
    // What the system had taken still comes; it is far from all.
    stuck.resume();
    await stuck.closed;
    const got = stuck.numbers;
    expect(got).toEqual(upTo(got.length));
    expect(got.length).toBeLessThan(many / 2);
    const resumed = await open('ann', { lastEventId: stuck.lastEventId });
    await resumed.atLeast(many - got.length + 1);
    expect([...got, ...resumed.numbers]).toEqual(upTo(many));
    reading.destroy();
    resumed.destroy();
  });

  test('that reads now and then is not cut off while it gets on', async () => {
    const { open, pushes, streams } = await serve({ slowMs: 600, tickMs: 10 });
    const stream = await open('ann');
    const nap = setInterval(() => {
      stream.response.pause();
      setTimeout(() => stream.response.resume(), 40);
    }, 60);
    for (let i = 0; i < many; i += 1) pushes.push('ann', 'message.created', { text });
    await stream.atLeast(many + 1);
    clearInterval(nap);
    expect(stream.numbers).toEqual(upTo(many));
    expect(streams.counts.cutOff).toBe(0);
    stream.destroy();
  });
});

/** A response whose socket takes nothing at all. */
function stuckResponse() {
  const outgoing = new ServerResponse(new IncomingMessage(new Socket()));
  const socket = new Duplex({ read: () => undefined, write: () => undefined });
  outgoing.assignSocket(socket as Socket);
  outgoing.flushHeaders();
  return outgoing;
}

describe('what is kept for it', () => {
  const counts = streamCounts(undefined, () => 1);
  const writeBytesMax = 64 * 1024;
  const clientOn = (outgoing: ServerResponse) =>
    new StreamClient({
      outgoing,
      sent: 0,
      expiresAt: Infinity,
      slot: 0,
      writeBytesMax,
      counts,
      onReady: () => undefined,
      onClose: () => undefined,
    });

  test('is one write, whatever there is to give', () => {
    const outgoing = stuckResponse();
    const client = clientOn(outgoing);
    const page = upTo(500).map((no) => pushEvent({ no, type: 'message.created', data: { text } }));
    expect(client.deliver(page)).toBe(false);
    expect(client.ready).toBe(false);
    expect(client.sent).toBeLessThan(100);
    expect(outgoing.writableLength).toBeLessThan(writeBytesMax + 4_000);
  });

  test('nothing from one heartbeat to the next is taken: it is cut off', () => {
    const outgoing = stuckResponse();
    const client = clientOn(outgoing);
    const before = counts.cutOff;
    client.beat();
    expect(counts.cutOff - before).toBe(0);
    client.beat();
    expect(counts.cutOff - before).toBe(1);
    expect(outgoing.destroyed).toBe(true);
  });
});
