/** What the benchmark of streams found, and its table. */
import { median } from '../support/stats.ts';
import { markdown, table, whole } from '../support/table.ts';
import type { Cpu } from './process.ts';

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

/** Of opening all streams, 200 at a time. */
export interface Opened {
  readonly seconds: number;
  /** Microseconds each. */
  readonly cpuMicros: Cpu;
}

export interface StreamsResult {
  readonly streams: number;
  /** By users who never listened before, and by the same once more. */
  readonly opened: Opened;
  readonly reopened: Opened;
  readonly rssBytesEach: number;
  readonly heapBytesEach: number;
  /** Shares of one core. */
  readonly cpuBefore: Cpu;
  readonly cpuIdle: Cpu;
  readonly heartbeatsPerSecond: number;
  readonly lost: number;
  readonly fanOut: readonly FanOut[];
}

export interface Round {
  readonly answeredMs: number;
  /** Ascending. */
  readonly comesMs: readonly number[];
}

export function fanOutOf(listeners: number, rounds: readonly Round[], cpu: Cpu): FanOut {
  const last = rounds.map(({ comesMs }) => comesMs.at(-1) ?? Number.NaN);
  return {
    listeners,
    messages: rounds.length,
    answeredMs: median(rounds.map(({ answeredMs }) => answeredMs)),
    middleMs: median(rounds.map(({ comesMs }) => median(comesMs))),
    lastMs: median(last),
    worstLastMs: Math.max(...last),
    cpuMicros: perPiece(cpu, listeners * rounds.length),
  };
}

/** Seconds of many as microseconds of one. */
export function perPiece({ server, database }: Cpu, pieces: number): Cpu {
  return { server: (server * 1e6) / pieces, database: (database * 1e6) / pieces };
}

const micros = ({ server, database }: Cpu) =>
  `${whole(server)} / ${whole(database)} µs of CPU each`;

export function fanOutLine(one: FanOut): string {
  return (
    `answered ${whole(one.answeredMs)} ms, half ${whole(one.middleMs)} ms, ` +
    `all ${whole(one.lastMs)} ms (worst ${whole(one.worstLastMs)}); ${micros(one.cpuMicros)}`
  );
}

export function openedLine({ seconds, cpuMicros }: Opened): string {
  return `${seconds.toFixed(1)} s; ${micros(cpuMicros)}`;
}

export function streamsTable(result: StreamsResult, asMarkdown: boolean): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const kilobytes = (bytes: number) => `${(bytes / 1_024).toFixed(1)} KiB`;
  const shares = ({ server, database }: Cpu) => `${percent(server)} / ${percent(database)}`;
  const count = whole(result.streams);
  const rows = [
    ['a stream: RSS', kilobytes(result.rssBytesEach)],
    ['of it the heap', kilobytes(result.heapBytesEach)],
    ['CPU without streams: server / PostgreSQL', shares(result.cpuBefore)],
    [`CPU with ${count} idle: server / PostgreSQL`, shares(result.cpuIdle)],
    ['heartbeats per second', whole(result.heartbeatsPerSecond)],
    [`${count} opened by new listeners`, openedLine(result.opened)],
    [`${count} opened again, resuming`, openedLine(result.reopened)],
    ...result.fanOut.map((one) => [`a message to ${whole(one.listeners)}`, fanOutLine(one)]),
  ];
  const columns = [
    { title: 'figure', align: 'left' as const },
    { title: 'measured', align: 'left' as const },
  ];
  return asMarkdown ? markdown(columns, rows) : table(columns, rows);
}
