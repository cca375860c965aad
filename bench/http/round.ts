/** One round of one workload against one target. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOrder, LoadResult } from '../load/protocol.ts';
import type { Load } from './children.ts';
import { cpuOf, cpuSince } from './cpu.ts';
import type { Books, Target } from './target.ts';
import type { Claims, Session, Workload } from './workloads.ts';

export interface HttpRound {
  readonly target: string;
  readonly workload: string;
  readonly connections: number;
  /** Open loop: requests a second that were due. */
  readonly rate: number | undefined;
  readonly requestsPerSecond: number;
  /** CPU per request of the processes that it waits for, while the load ran. */
  readonly answerCpuMicros: number;
  /** CPU per request of all processes until everything was settled. */
  readonly settledCpuMicros: number;
  readonly loadCpuShare: number;
  /** Cores that were busy with anything else meanwhile: other targets, and what does not belong to the benchmark. */
  readonly strangerCores: number;
  /** Accepted and not in the ledger when the last answer came. */
  readonly unsettled: number;
  readonly settleSeconds: number;
  readonly result: LoadResult;
  /** Why the round is void; empty when it counts. */
  readonly problems: readonly string[];
}

export interface RoundOrder extends Pick<LoadOrder, 'limit' | 'connections' | 'rate'> {
  readonly target: Target;
  readonly workload: Workload;
  readonly session: Session;
  /** Requests there will be, about. */
  readonly expected: number;
}

const settledMs = 300_000;
const settledPollMs = 10;

export async function httpRound(load: Load, order: RoundOrder): Promise<HttpRound> {
  const { target, workload, session, connections, expected, limit, rate } = order;
  const traffic = await session.traffic(expected);
  const booked = (await target.books?.claims()) ?? 0;
  const before = await cpuOf(target);
  const paced = rate === undefined ? {} : { rate };
  const result = await load.run({ url: target.url, connections, traffic, limit, ...paced });
  const loaded = cpuSince(before, await cpuOf(target));
  session.done(result);
  const claims = workload.claims(result, connections);
  const settled = await untilSettled(target.books, booked + claims.told, result.lastAnswerAt);
  const all = cpuSince(before, await cpuOf(target));
  const problems = [...answersIn(result, workload, target), ...settled.problems];
  if (target.books !== undefined) {
    problems.push(...(await target.books.check()));
    problems.push(...booksOf((await target.books.claims()) - booked, claims));
  }
  const perRequest = (seconds: number) => (seconds * 1e6) / result.requests;
  return {
    target: target.name,
    workload: workload.name,
    connections,
    rate,
    requestsPerSecond: result.requests / result.seconds,
    answerCpuMicros: perRequest(loaded.answer),
    settledCpuMicros: perRequest(all.answer + all.rest),
    loadCpuShare: result.cpuSeconds / result.seconds,
    strangerCores:
      Math.max(0, loaded.machine - loaded.answer - loaded.rest - result.cpuSeconds) /
      result.seconds,
    unsettled: settled.unsettled,
    settleSeconds: settled.seconds,
    result,
    problems,
  };
}

export interface Settled {
  readonly unsettled: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}

/** Waits until so many claims are in the ledger. */
export async function untilSettled(
  books: Books | undefined,
  claims: number,
  lastAnswerAt: number,
): Promise<Settled> {
  if (books === undefined) return { unsettled: 0, seconds: 0, problems: [] };
  const missing = async () => Math.max(0, claims - (await books.claims()));
  const unsettled = await missing();
  let left = unsettled;
  while (left > 0 && Date.now() - lastAnswerAt < settledMs) {
    await sleep(settledPollMs);
    left = await missing();
  }
  const seconds = (Date.now() - lastAnswerAt) / 1_000;
  return { unsettled, seconds, problems: left > 0 ? [`${left} claims are not in the books`] : [] };
}

function answersIn(
  { requests, statuses, errors }: LoadResult,
  workload: Workload,
  target: Target,
): string[] {
  const problems: string[] = [];
  if (requests === 0) problems.push('no answers');
  if (errors > 0) problems.push(`${errors} broken connections or timeouts`);
  // The limit claims for everybody.
  const right = target.kind === 'limit' ? ['200', '201'] : workload.statuses;
  for (const [status, count] of Object.entries(statuses)) {
    if (!right.includes(status)) problems.push(`${count} answers with ${status}`);
  }
  return problems;
}

/** Who was cut off at the end may hold a packet without knowing. */
function booksOf(booked: number, { told, max }: Claims): string[] {
  if (booked >= told && booked <= max) return [];
  return [`${told} claims were told, at most ${max} made, but ${booked} are in the books`];
}
