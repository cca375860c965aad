/** The targets this project has set itself, next to what was measured. */
import { markdown, table } from '../support/table.ts';
import type { Million } from './million.ts';
import type { HttpRow } from './rows.ts';

export interface Goal {
  readonly what: string;
  readonly sign: '≥' | '≤';
  readonly goal: number;
  readonly measured: number;
  readonly reached: boolean;
}

const goalConnections = 256;

/** Those for which there are figures. */
export function goalsOf(rows: readonly HttpRow[], millions: readonly Million[]): Goal[] {
  const find = (workload: string, target: string) =>
    rows.find(
      (row) =>
        row.workload === workload &&
        row.target.startsWith(target) &&
        (workload !== 'hot' || row.connections === goalConnections),
    );
  const ours = find('hot', 'ours, Redis');
  const bare = find('hot', 'bare');
  const lua = find('hot', 'peer Redis-Lua');
  const lock = find('hot', 'peer PostgreSQL');
  const losers = find('losers', 'ours, Redis');
  const million = millions.find(({ target }) => target.startsWith('ours, Redis'));
  const ratioTo = (row: HttpRow | undefined, other: HttpRow | undefined) =>
    other === undefined ? undefined : row?.ratios[other.target];
  const share = (
    pick: (row: HttpRow) => number | undefined,
    row: HttpRow | undefined,
    other: HttpRow | undefined,
  ) =>
    row === undefined || other === undefined
      ? undefined
      : (pick(row) ?? NaN) / (pick(other) ?? NaN);

  const all: [string, Goal['sign'], number, number | undefined][] = [
    ['hot: claims/s ÷ bare Hono', '≥', 0.8, ratioTo(ours, bare)],
    ['hot: claims/s ÷ Redis-Lua', '≥', 2, ratioTo(ours, lua)],
    [
      'hot: CPU of the answer ÷ Redis-Lua',
      '≤',
      0.55,
      share((row) => row.answerCpuMicros, ours, lua),
    ],
    [
      'hot: CPU until settled ÷ Redis-Lua',
      '≤',
      0.75,
      share((row) => row.settledCpuMicros, ours, lua),
    ],
    ['hot: claims/s ÷ PostgreSQL row lock', '≥', 40, ratioTo(ours, lock)],
    ['losers: refusals/s ÷ bare Hono', '≥', 0.85, ratioTo(losers, find('losers', 'bare'))],
    ['hot: open-loop p99 ÷ bare Hono', '≤', 2.5, share((row) => row.openP99Ms, ours, bare)],
    ['million: seconds until settled', '≤', 30, million?.settleSeconds],
  ];
  return all.flatMap(([what, sign, goal, measured]) => {
    if (measured === undefined || Number.isNaN(measured)) return [];
    return {
      what,
      sign,
      goal,
      measured,
      reached: sign === '≥' ? measured >= goal : measured <= goal,
    };
  });
}

export function goalTable(goals: readonly Goal[], asMarkdown: boolean): string {
  const columns = [
    { title: 'ours, Redis journal, 256 connections', align: 'left' as const },
    { title: 'measured' },
    { title: 'goal' },
    { title: 'reached', align: 'left' as const },
  ];
  const rows = goals.map(({ what, sign, goal, measured, reached }) => [
    what,
    measured.toFixed(2),
    `${sign} ${goal}`,
    reached ? 'yes' : 'no',
  ]);
  return asMarkdown ? markdown(columns, rows) : table(columns, rows);
}
