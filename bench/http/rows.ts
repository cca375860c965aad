/** From rounds to rows: one for each workload, number of connections and target. */
import { median, type Spread, spreadOf } from '../support/stats.ts';
import type { HttpRound } from './round.ts';

export interface HttpRow {
  readonly workload: string;
  readonly connections: number;
  readonly target: string;
  readonly requestsPerSecond: Spread;
  /** To each other target, of the same round. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Open loop at half of the capacity; undefined when it was not run. */
  readonly openP99Ms: number | undefined;
  readonly answerCpuMicros: number;
  readonly settledCpuMicros: number;
  readonly loadCpuShare: number;
  /** Of the round that was disturbed most. */
  readonly strangerCores: number;
  readonly errors: number;
  readonly unsettled: number;
  readonly settleSeconds: number;
  readonly problems: readonly string[];
}

/** Rows in the order in which rounds were first run. */
export function rowsOf(rounds: readonly HttpRound[]): HttpRow[] {
  const groups = Map.groupBy(rounds, (round) => `${round.workload} ${round.connections}`);
  return [...groups.values()].flatMap((group) => {
    const names = new Set(group.map(({ target }) => target));
    return [...names].map((name) => rowOf(name, names, group));
  });
}

function rowOf(name: string, names: Iterable<string>, group: readonly HttpRound[]): HttpRow {
  const of = (target: string, open: boolean) =>
    group.filter((round) => round.target === target && (round.rate !== undefined) === open);
  const own = of(name, false);
  const open = of(name, true);
  const middle = (pick: (round: HttpRound) => number) => median(own.map(pick));
  const ratioTo = (other: string) => {
    const others = of(other, false);
    return median(
      own.map((round, i) => round.requestsPerSecond / (others[i]?.requestsPerSecond ?? NaN)),
    );
  };
  const [first] = own;
  return {
    workload: first?.workload ?? '',
    connections: first?.connections ?? 0,
    target: name,
    requestsPerSecond: spreadOf(own.map((round) => round.requestsPerSecond)),
    ratios: Object.fromEntries([...names].map((other) => [other, ratioTo(other)])),
    p50Ms: middle(({ result }) => result.p50Ms),
    p99Ms: middle(({ result }) => result.p99Ms),
    p999Ms: middle(({ result }) => result.p999Ms),
    openP99Ms: open.length === 0 ? undefined : median(open.map(({ result }) => result.p99Ms)),
    answerCpuMicros: middle((round) => round.answerCpuMicros),
    settledCpuMicros: middle((round) => round.settledCpuMicros),
    loadCpuShare: middle((round) => round.loadCpuShare),
    strangerCores: Math.max(0, ...own.map((round) => round.strangerCores)),
    errors: own.reduce((sum, { result }) => sum + result.errors, 0),
    unsettled: middle((round) => round.unsettled),
    settleSeconds: middle((round) => round.settleSeconds),
    problems: [...own, ...open].flatMap(({ problems }) => problems),
  };
}
