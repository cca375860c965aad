/** A million claims on one batch until it is empty, and how long it takes from the last answer until all is settled. */
import type { LoadResult } from '../load/protocol.ts';
import { markdown, table, whole } from '../support/table.ts';
import type { Load } from './children.ts';
import { cpuOf, cpuSince } from './cpu.ts';
import { untilSettled } from './round.ts';
import type { Target } from './target.ts';

export interface Million {
  readonly target: string;
  readonly claims: number;
  readonly claimsPerSecond: number;
  readonly p99Ms: number;
  readonly answerCpuMicros: number;
  readonly settledCpuMicros: number;
  readonly loadCpuShare: number;
  readonly unsettled: number;
  /** From the last answer until everything was in the ledger. */
  readonly settleSeconds: number;
  readonly result: LoadResult;
  readonly problems: readonly string[];
}

/** The others would take many minutes. */
export function isForMillion({ name }: Target): boolean {
  return name.startsWith('ours, Redis') || name.startsWith('peer Redis-Lua');
}

export async function measureMillion(
  load: Load,
  target: Target,
  { connections, packets }: { readonly connections: number; readonly packets: number },
): Promise<Million> {
  const { url, books } = target;
  const batches = await target.makeBatches(1, packets);
  const booked = (await books?.claims()) ?? 0;
  const before = await cpuOf(target);
  const traffic = { kind: 'claims', batches } as const;
  const result = await load.run({ url, connections, traffic, limit: { requests: packets } });
  const loaded = cpuSince(before, await cpuOf(target));
  const settled = await untilSettled(books, booked + packets, result.lastAnswerAt);
  const all = cpuSince(before, await cpuOf(target));
  const told = result.statuses['201'] ?? 0;
  const inBooks = ((await books?.claims()) ?? 0) - booked;
  const problems = [...settled.problems, ...((await books?.check()) ?? [])];
  if (told !== packets) problems.push(`${told} of ${packets} claims were answered with 201`);
  if (inBooks !== packets) problems.push(`${inBooks} of ${packets} claims are in the books`);
  return {
    target: target.name,
    claims: told,
    claimsPerSecond: told / result.seconds,
    p99Ms: result.p99Ms,
    answerCpuMicros: (loaded.answer * 1e6) / told,
    settledCpuMicros: ((all.answer + all.rest) * 1e6) / told,
    loadCpuShare: result.cpuSeconds / result.seconds,
    unsettled: settled.unsettled,
    settleSeconds: settled.seconds,
    result,
    problems,
  };
}

export function millionLine({ target, claimsPerSecond, settleSeconds, problems }: Million): string {
  const state = problems.length === 0 ? '' : `  VOID: ${problems.join('; ')}`;
  return `${target}: ${whole(claimsPerSecond)}/s, settled after ${settleSeconds.toFixed(1)} s${state}`;
}

export function millionTable(millions: readonly Million[], asMarkdown: boolean): string {
  const columns = [
    { title: 'million', align: 'left' as const },
    { title: 'claims' },
    { title: 'claims/s' },
    { title: 'p99 ms' },
    { title: 'CPU µs answer' },
    { title: 'settled' },
    { title: 'unsettled' },
    { title: 'settled after s' },
    { title: 'load CPU' },
    { title: 'adds up', align: 'left' as const },
  ];
  const rows = millions.map((million) => [
    million.target,
    whole(million.claims),
    whole(million.claimsPerSecond),
    million.p99Ms.toFixed(1),
    million.answerCpuMicros.toFixed(1),
    million.settledCpuMicros.toFixed(1),
    whole(million.unsettled),
    million.settleSeconds.toFixed(2),
    `${Math.round(million.loadCpuShare * 100)} %`,
    million.problems.length === 0 ? 'yes' : `VOID: ${million.problems[0]}`,
  ]);
  return asMarkdown ? markdown(columns, rows) : table(columns, rows);
}
