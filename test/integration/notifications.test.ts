/** Listening to the database goes on after the server hung: a connection that brings no error is noticed, too. */
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { listenTo } from '../../engine/store/notifications.ts';
import { ownPostgres } from '../setup/postgres.ts';

test('a server that hangs is noticed, and listened to again', async () => {
  const server = await ownPostgres();
  const soon: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 50, run) };
  const heard: string[] = [];
  const listener = listenTo({
    url: server.url,
    channel: 'some_channel',
    applicationName: 'test-listener',
    clock: soon,
    hear: (payload) => heard.push(payload),
    listening: () => heard.push('listening'),
  });
  const waits = { timeout: 20_000, interval: 50 };
  try {
    await vi.waitFor(() => expect(heard).toEqual(['listening']), waits);
    // Over several times that it made sure of the connection.
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(heard).toEqual(['listening']);
    await server.pause();
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await server.resume();
    await vi.waitFor(() => expect(heard).toEqual(['listening', 'listening']), waits);
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query(`NOTIFY some_channel, 'word'`);
    await client.query('NOTIFY some_channel');
    await client.end();
    await vi.waitFor(() => expect(heard.slice(2)).toEqual(['word', '']), waits);
  } finally {
    await server.resume();
    await listener.close();
    await server.remove();
  }
});
