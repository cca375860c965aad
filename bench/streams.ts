/** Push streams: what ten thousand idle ones cost, and how soon a message is with everybody. See bench/README.md. */
import { randomBytes } from 'node:crypto';
import { nextMessage, startHelper } from './http/children.ts';
import { startPostgres } from './http/postgres.ts';
import { groupsOn } from './streams/group.ts';
import { type Cpu, cpuFromNow, cpuShares, memoryOf } from './streams/process.ts';
import { type FromListeners, systemMs, type ToListeners } from './streams/protocol.ts';
import type { Cleanup } from './support/cleanup.ts';
import { startServer, withoutSettings } from './support/server.ts';
import { median } from './support/stats.ts';
import { markdown, table, whole } from './support/table.ts';

export interface StreamsSettings {
  readonly streams: number;
  /** Members of the groups that are written to. */
  readonly fanOut: readonly number[];
  readonly idleSeconds: number;
}

export interface FanOut {
  readonly listeners: number;
  readonly messages: number;
  /** From sending the request; medians of the messages, and the slowest. */
  readonly answeredMs: number;
  readonly middleMs: number;
  readonly lastMs: number;
  readonly worstLastMs: number;
  /** Microseconds per delivered push. */
  readonly cpuMicros: Cpu;
}

export interface StreamsResult {
  readonly streams: number;
  readonly openSeconds: number;
  readonly reopenSeconds: number;
  readonly rssBytesEach: number;
  readonly heapBytesEach: number;
  /** Of one core. */
  readonly cpuBefore: Cpu;
  readonly cpuIdle: Cpu;
  readonly heartbeatsPerSecond: number;
  readonly lost: number;
  readonly fanOut: readonly FanOut[];
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
  const open = { kind: 'open', port, secret, count: streams } as const;

  print('\nstreams: before');
  const cpuBefore = await cpuShares(server.pid, postgres.pid, idleSeconds);
  const before = await memoryOf(server.pid, server.url);
  const { seconds: openSeconds } = await ask(open, 'opened');
  print(`  ${whole(streams)} opened by new listeners in ${openSeconds.toFixed(1)} s`);
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
  const { seconds: reopenSeconds } = await ask(open, 'opened');
  print(`  opened again, resuming, in ${reopenSeconds.toFixed(1)} s`);
  return {
    streams,
    openSeconds,
    reopenSeconds,
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

interface Round {
  readonly answeredMs: number;
  /** Ascending. */
  readonly comesMs: readonly number[];
}

function fanOutOf(listeners: number, rounds: readonly Round[], cpu: Cpu): FanOut {
  const pushes = listeners * rounds.length;
  const last = rounds.map(({ comesMs }) => comesMs.at(-1) ?? Number.NaN);
  return {
    listeners,
    messages: rounds.length,
    answeredMs: median(rounds.map(({ answeredMs }) => answeredMs)),
    middleMs: median(rounds.map(({ comesMs }) => median(comesMs))),
    lastMs: median(last),
    worstLastMs: Math.max(...last),
    cpuMicros: { server: (cpu.server * 1e6) / pushes, database: (cpu.database * 1e6) / pushes },
  };
}

function fanOutLine({ answeredMs, middleMs, lastMs, worstLastMs, cpuMicros }: FanOut): string {
  const cpu = `${whole(cpuMicros.server)} / ${whole(cpuMicros.database)} µs of CPU each`;
  const [answered, middle, last, worst] = [answeredMs, middleMs, lastMs, worstLastMs].map(whole);
  return `answered after ${answered} ms, with half of them after ${middle} ms, with all after ${last} ms (worst ${worst}); ${cpu}`;
}

export function streamsTable(result: StreamsResult, asMarkdown: boolean): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const kilobytes = (bytes: number) => `${(bytes / 1_024).toFixed(1)} KiB`;
  const { cpuBefore, cpuIdle } = result;
  const rows = [
    [
      `memory of a stream: RSS / heap`,
      `${kilobytes(result.rssBytesEach)} / ${kilobytes(result.heapBytesEach)}`,
    ],
    [
      `CPU without streams: server / PostgreSQL`,
      `${percent(cpuBefore.server)} / ${percent(cpuBefore.database)}`,
    ],
    [
      `CPU with ${whole(result.streams)} idle: server / PostgreSQL`,
      `${percent(cpuIdle.server)} / ${percent(cpuIdle.database)}`,
    ],
    ['heartbeats per second', whole(result.heartbeatsPerSecond)],
    [
      'opened by new listeners / again, resuming',
      `${result.openSeconds.toFixed(1)} s / ${result.reopenSeconds.toFixed(1)} s`,
    ],
    ...result.fanOut.map((one) => [
      `a message to ${whole(one.listeners)} of them`,
      fanOutLine(one),
    ]),
  ];
  const columns = [
    { title: 'figure', align: 'left' as const },
    { title: 'measured', align: 'left' as const },
  ];
  return asMarkdown ? markdown(columns, rows) : table(columns, rows);
}
