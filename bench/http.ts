/** HTTP claim throughput of the real server, everything durable, next to a bare Hono route in the same run. */
import { randomBytes } from 'node:crypto';
import { startLoad } from './http/children.ts';
import { httpRound, type HttpRound } from './http/round.ts';
import { bareName, startTargets } from './http/targets.ts';
import type { Cleanup } from './support/cleanup.ts';
import { median, spreadOf, type Spread } from './support/stats.ts';
import { table, whole } from './support/table.ts';

export interface HttpSettings {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  /** Tokens, and packets of each batch; far below the gateway's cache of verified tokens. */
  readonly receivers: number;
}

export interface HttpRow {
  readonly target: string;
  readonly requestsPerSecond: Spread;
  /** To the bare route of the same round. */
  readonly ratio: Spread;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuMicros: number;
  readonly settledCpuMicros: number;
  readonly loadCpuShare: number;
  readonly settleSeconds: number | undefined;
  /** Every token seen for the first time, so that each request also verifies a signature; one round. */
  readonly firstSightPerSecond: number;
  readonly problems: readonly string[];
}

export interface HttpReport {
  readonly rows: readonly HttpRow[];
  readonly rounds: readonly HttpRound[];
}

export async function httpBench(
  settings: HttpSettings,
  redis: boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<HttpReport> {
  const secret = randomBytes(32).toString('base64url');
  const { receivers } = settings;
  const load = await startLoad(secret, receivers, cleanup);
  const targets = await startTargets(secret, receivers, redis, cleanup);

  const firstSight: HttpRound[] = [];
  for (const target of targets) {
    firstSight.push(await report(httpRound(load, target, { ...settings, seconds: undefined })));
  }
  const rounds: HttpRound[] = [];
  for (let i = 0; i < settings.rounds; i += 1) {
    // Nobody always runs first, or right after the same neighbour.
    const turned = targets.map((_, k) => targets[(i + k) % targets.length]);
    const order = i % 2 === 0 ? turned : turned.toReversed();
    for (const target of order) {
      if (target !== undefined) rounds.push(await report(httpRound(load, target, settings)));
    }
  }
  const rows = targets.map(({ name }) => rowOf(name, rounds, firstSight));
  return { rows, rounds: [...firstSight, ...rounds] };

  async function report(running: Promise<HttpRound>): Promise<HttpRound> {
    const round = await running;
    const state = round.problems.length === 0 ? '' : `  VOID: ${round.problems.join('; ')}`;
    print(`${round.target}: ${whole(round.requestsPerSecond)} requests/s${state}`);
    return round;
  }
}

function rowOf(
  name: string,
  rounds: readonly HttpRound[],
  firstSight: readonly HttpRound[],
): HttpRow {
  const own = rounds.filter(({ target }) => target === name);
  const bare = rounds.filter(({ target }) => target === bareName);
  const first = firstSight.filter(({ target }) => target === name);
  const of = (pick: (round: HttpRound) => number) => median(own.map(pick));
  const waits = own.flatMap(({ settleSeconds }) => settleSeconds ?? []);
  return {
    target: name,
    requestsPerSecond: spreadOf(own.map((round) => round.requestsPerSecond)),
    ratio: spreadOf(
      own.map((round, i) => round.requestsPerSecond / (bare[i]?.requestsPerSecond ?? Number.NaN)),
    ),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    serverCpuMicros: of((round) => round.serverCpuMicros),
    settledCpuMicros: of((round) => round.settledCpuMicros),
    loadCpuShare: of((round) => round.loadCpuShare),
    settleSeconds: waits.length === 0 ? undefined : median(waits),
    firstSightPerSecond: median(first.map((round) => round.requestsPerSecond)),
    problems: [...first, ...own].flatMap(({ problems }) => problems),
  };
}

export function httpTable(rows: readonly HttpRow[]): string {
  return table(
    [
      { title: 'POST …/claims?open=true', align: 'left' },
      { title: 'requests/s' },
      { title: 'min … max' },
      { title: '÷ bare' },
      { title: 'min … max' },
      { title: 'p50 / p99 ms' },
      { title: 'CPU µs' },
      { title: 'until settled' },
      { title: 'settled after s' },
      { title: 'load CPU' },
      { title: 'first sight/s' },
      { title: 'adds up' },
    ],
    rows.map((row) => [
      row.target,
      whole(row.requestsPerSecond.median),
      `${whole(row.requestsPerSecond.min)} … ${whole(row.requestsPerSecond.max)}`,
      row.ratio.median.toFixed(2),
      `${row.ratio.min.toFixed(2)} … ${row.ratio.max.toFixed(2)}`,
      `${row.p50Ms} / ${row.p99Ms}`,
      row.serverCpuMicros.toFixed(1),
      row.settleSeconds === undefined ? '–' : row.settledCpuMicros.toFixed(1),
      row.settleSeconds?.toFixed(2) ?? '–',
      `${Math.round(row.loadCpuShare * 100)} %`,
      whole(row.firstSightPerSecond),
      row.problems.length === 0 ? 'yes' : `VOID: ${row.problems[0]}`,
    ]),
  );
}
