/** A server with streams over the fake of the pushes, and clients of it. */
import { afterEach } from 'vitest';
import { FakePushes } from '../../engine/push/fake.ts';
import { type RunningServer, startServer } from '../../gateway/server.ts';
import type { StreamSettings } from '../../gateway/stream/settings.ts';
import { EventStream, type StreamOptions } from '../setup/event-stream.ts';
import { harness } from './harness.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
});

export async function serveStreams(
  settings: Partial<StreamSettings> = {},
  pushes = new FakePushes(),
) {
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

/** `from` … `n` */
export const upTo = (n: number, from = 1) =>
  Array.from({ length: n - from + 1 }, (_, i) => from + i);
