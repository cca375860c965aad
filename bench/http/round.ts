/** One round against one target. */
import { cpuBetween, cpuByPid } from '../support/processes.ts';
import type { Load } from './children.ts';
import type { LoadResult } from './load-protocol.ts';
import type { Target } from './targets.ts';

export interface HttpRound {
  readonly target: string;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** All server processes, while the load ran. */
  readonly serverCpuMicros: number;
  /** The same until everything was settled. */
  readonly settledCpuMicros: number;
  readonly loadCpuShare: number;
  readonly settleSeconds: number | undefined;
  readonly result: LoadResult;
  /** Why the round is void; empty when it counts. */
  readonly problems: readonly string[];
}

export interface RoundOrder {
  readonly connections: number;
  readonly receivers: number;
  /** Undefined: every receiver once. */
  readonly seconds: number | undefined;
}

/** More than any server here answers, so that the batches of a round suffice. */
const requestsPerSecondMax = 60_000;

export async function httpRound(load: Load, target: Target, order: RoundOrder): Promise<HttpRound> {
  const { connections, receivers, seconds } = order;
  const needed =
    seconds === undefined ? 1 : Math.ceil((requestsPerSecondMax * seconds) / receivers) + 1;
  const batches = await target.makeBatches(needed);
  const before = await cpuByPid(await target.pids());
  const result = await load.run({ url: target.url, connections, batches, seconds });
  const loaded = await cpuByPid(await target.pids());
  const settled = await target.settle?.(batches, result);
  const after = settled === undefined ? loaded : await cpuByPid(await target.pids());
  const perRequest = (cpuSeconds: number) => (cpuSeconds * 1e6) / result.requests;
  return {
    target: target.name,
    requestsPerSecond: result.requests / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    serverCpuMicros: perRequest(cpuBetween(before, loaded)),
    settledCpuMicros: perRequest(cpuBetween(before, after)),
    loadCpuShare: result.cpuSeconds / result.seconds,
    settleSeconds: settled?.seconds,
    result,
    problems: [...answersIn(result), ...(settled?.problems ?? [])],
  };
}

/** Every claim is a new one, so every answer is 201. */
function answersIn({ requests, statuses, errors }: LoadResult): string[] {
  const problems: string[] = [];
  if (requests === 0) problems.push('no answers');
  if (errors > 0) problems.push(`${errors} broken connections or timeouts`);
  for (const [status, count] of Object.entries(statuses)) {
    if (status !== '201') problems.push(`${count} answers with ${status}`);
  }
  return problems;
}
