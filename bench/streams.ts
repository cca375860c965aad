/** Push streams: what ten thousand idle ones cost, and how soon a message is with everybody. See bench/README.md. */
import { randomBytes } from 'node:crypto';
import { nextMessage, startHelper } from './http/children.ts';
import { startPostgres } from './http/postgres.ts';
import { groupsOn } from './streams/group.ts';
import { cpuFromNow, cpuShares, memoryOf } from './streams/process.ts';
import { type FromListeners, systemMs, type ToListeners } from './streams/protocol.ts';
import {
  type FanOut,
  fanOutLine,
  fanOutOf,
  type Opened,
  openedLine,
  perPiece,
  type Round,
  type StreamsResult,
} from './streams/result.ts';
import type { Cleanup } from './support/cleanup.ts';
import { startServer, withoutSettings } from './support/server.ts';
import { whole } from './support/table.ts';

export interface StreamsSettings {
  readonly streams: number;
  /** Members of the groups that are written to. */
  readonly fanOut: readonly number[];
  readonly idleSeconds: number;
}

const messages = 20;

export async function streamsBench(
  settings: StreamsSettings,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<StreamsResult> {
  const { streams, idleSeconds } = settings;
  const secret = randomBytes(32).toString('base64url');
  const postgres = await startPostgres(cleanup);
  const env = { ...withoutSettings, DATABASE_URL: postgres.url, AUTH_SECRET: secret };
  const server = await startServer({ cleanup, env });
  const { child } = startHelper('streams/listeners.ts', {}, cleanup);
  const ask = async <K extends FromListeners['kind']>(message: ToListeners, kind: K) => {
    const answer = nextMessage<FromListeners>(child);
    child.send(message);
    return expectKind(await answer, kind);
  };
  const port = Number(new URL(server.url).port);
  const open = async (): Promise<Opened> => {
    const used = await cpuFromNow(server.pid, postgres.pid);
    const { seconds } = await ask({ kind: 'open', port, secret, count: streams }, 'opened');
    return { seconds, cpuMicros: perPiece(await used(), streams) };
  };

  print(`\nstreams: ${whole(streams)} of new listeners`);
  const cpuBefore = await cpuShares(server.pid, postgres.pid, idleSeconds);
  const before = await memoryOf(server.pid, server.url);
  const opened = await open();
  print(`  opened: ${openedLine(opened)}`);
  const startedMs = systemMs();
  const cpuIdle = await cpuShares(server.pid, postgres.pid, idleSeconds);
  const after = await memoryOf(server.pid, server.url);

  const groups = groupsOn(server.url, secret);
  cleanup.add(() => Promise.resolve(groups.close()));
  const fanOut: FanOut[] = [];
  for (const listeners of settings.fanOut.filter((count) => count <= streams)) {
    const groupId = await groups.make(listeners);
    const rounds: Round[] = [];
    const used = await cpuFromNow(server.pid, postgres.pid);
    for (let i = 0; i < messages; i += 1) {
      await ask({ kind: 'expect', count: listeners }, 'expecting');
      const delivered = nextMessage<FromListeners>(child);
      const sentMs = systemMs();
      await groups.say(groupId, `message ${i}`);
      const answeredMs = systemMs() - sentMs;
      const { atMs } = expectKind(await delivered, 'delivered');
      rounds.push({ answeredMs, comesMs: atMs.map((at) => at - sentMs) });
    }
    const one = fanOutOf(listeners, rounds, await used());
    fanOut.push(one);
    print(`  a message to ${whole(listeners)}: ${fanOutLine(one)}`);
  }

  const seconds = (systemMs() - startedMs) / 1_000;
  const { heartbeats, lost } = await ask({ kind: 'close' }, 'closed');
  const reopened = await open();
  print(`  opened again, resuming: ${openedLine(reopened)}`);
  return {
    streams,
    opened,
    reopened,
    rssBytesEach: (after.rssBytes - before.rssBytes) / streams,
    heapBytesEach: (after.heapBytes - before.heapBytes) / streams,
    cpuBefore,
    cpuIdle,
    heartbeatsPerSecond: heartbeats / seconds,
    lost,
    fanOut,
  };
}

function expectKind<K extends FromListeners['kind']>(message: FromListeners, kind: K) {
  if (message.kind !== kind) throw new Error(`the listeners answered ${message.kind}, not ${kind}`);
  return message as Extract<FromListeners, { kind: K }>;
}
