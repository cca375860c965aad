/**
 * Engine only, without HTTP: what one shard thread can decide and make durable per second; beside it memory, the load of
 * a large batch, and settling.
 */
import { coreRound } from './engine/core.ts';
import { figures, shown, type FigureRow } from './engine/figures.ts';
import { openInstant, openPostgres, openRedis, type OpenEmptyJournal } from './engine/journals.ts';
import type { Round, RoundSettings } from './engine/rounds.ts';
import { threadRound } from './engine/thread.ts';
import { hot, receiverIds, spread, type Workload } from './engine/workload.ts';
import type { Cleanup } from './support/cleanup.ts';
import { median, spreadOf, type Spread } from './support/stats.ts';
import { table, whole } from './support/table.ts';

export interface EngineSettings extends RoundSettings {
  readonly rounds: number;
}

export type EngineRow = SpeedRow | FigureRow;

export interface SpeedRow {
  readonly layer: string;
  readonly workload: string;
  readonly claimsPerSecond: Spread;
  readonly cpuMicrosPerClaim: number;
  readonly flushEvents?: { readonly p50: number; readonly p99: number };
  readonly flushMs?: { readonly p50: number; readonly p99: number };
  readonly gateMs?: { readonly p50: number; readonly p99: number };
  readonly rounds: readonly { readonly claims: number; readonly seconds: number }[];
}

const claimsMax = 1_000_000;
const spreadBatches = 10_000;
const warmUpSeconds = 1;

type Play = (workload: Workload, settings: RoundSettings) => Promise<Round>;

/** @param redis whether a redis-server is there */
export async function engineBench(
  settings: EngineSettings,
  redis: boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<EngineRow[]> {
  const receivers = receiverIds(claimsMax);
  const over =
    (open: OpenEmptyJournal): Play =>
    (workload, round) =>
      threadRound(open, workload, receivers, round);
  const layers: (readonly [name: string, play: Play])[] = [
    ['core apply', (workload, round) => coreRound(workload, receivers, round)],
    ['actor + gate, instant journal', over(openInstant)],
  ];
  if (redis) layers.push(['actor + gate, Redis journal', over(openRedis(cleanup))]);
  layers.push(['actor + gate, embedded journal', over(await openPostgres(cleanup))]);

  const rows: SpeedRow[] = [];
  for (const workload of [
    () => hot(claimsMax),
    () => spread(spreadBatches, claimsMax / spreadBatches),
  ]) {
    for (const [layer, play] of layers) {
      await play(workload(), { ...settings, seconds: Math.min(warmUpSeconds, settings.seconds) });
      const rounds: Round[] = [];
      for (let i = 0; i < settings.rounds; i += 1) rounds.push(await play(workload(), settings));
      const row = rowOf(layer, workload().name, rounds);
      print(`${row.workload}, ${layer}: ${whole(row.claimsPerSecond.median)} claims/s`);
      rows.push(row);
    }
  }
  return [...rows, ...(await figures(settings.rounds, redis, cleanup, print))];
}

function rowOf(layer: string, workload: string, rounds: readonly Round[]): SpeedRow {
  const of = (name: 'flushEvents' | 'flushMs' | 'gateMs') => {
    const samples = rounds.flatMap((round) => round[name] ?? []);
    if (samples.length === 0) return {};
    const at = (share: number) => median(samples.map((one) => one.quantile(share)));
    return { [name]: { p50: at(0.5), p99: at(0.99) } };
  };
  return {
    layer,
    workload,
    claimsPerSecond: spreadOf(rounds.map(({ claims, seconds }) => claims / seconds)),
    cpuMicrosPerClaim: median(rounds.map(({ cpuSeconds, claims }) => (cpuSeconds * 1e6) / claims)),
    ...of('flushEvents'),
    ...of('flushMs'),
    ...of('gateMs'),
    rounds: rounds.map(({ claims, seconds }) => ({ claims, seconds })),
  };
}

export function engineTable(rows: readonly EngineRow[]): string {
  const speeds = rows.filter((row) => 'layer' in row);
  const others = rows.filter((row) => 'what' in row);
  return `${speedTable(speeds)}\n\n${figureTable(others)}`;
}

function figureTable(rows: readonly FigureRow[]): string {
  return table(
    [
      { title: 'figure', align: 'left' },
      { title: 'median' },
      { title: 'min … max' },
      { title: '', align: 'left' },
    ],
    rows.map(({ what, unit, value }) => [
      what,
      shown(value.median),
      `${shown(value.min)} … ${shown(value.max)}`,
      unit,
    ]),
  );
}

function speedTable(rows: readonly SpeedRow[]): string {
  const both = (of: { readonly p50: number; readonly p99: number } | undefined, digits: number) =>
    of === undefined ? '–' : `${of.p50.toFixed(digits)} / ${of.p99.toFixed(digits)}`;
  return table(
    [
      { title: 'workload', align: 'left' },
      { title: 'layer', align: 'left' },
      { title: 'claims/s' },
      { title: 'min … max' },
      { title: 'CPU µs' },
      { title: 'events/flush p50 / p99' },
      { title: 'flush ms p50 / p99' },
      { title: 'gate ms p50 / p99' },
    ],
    rows.map((row) => [
      row.workload,
      row.layer,
      whole(row.claimsPerSecond.median),
      `${whole(row.claimsPerSecond.min)} … ${whole(row.claimsPerSecond.max)}`,
      row.cpuMicrosPerClaim.toFixed(2),
      both(row.flushEvents, 0),
      both(row.flushMs, 2),
      both(row.gateMs, 2),
    ]),
  );
}
