/** The HTTP benchmark's tables: one for each workload and number of connections. */
import { type Column, markdown, table, whole } from '../support/table.ts';
import type { HttpRow } from './rows.ts';

const shortNames: Readonly<Record<string, string>> = {
  'bare Hono': 'bare',
  'peer Redis-Lua': 'Redis-Lua',
  'peer Redis-Lua, auto-pipelining': 'Redis-Lua',
  'peer PostgreSQL row lock': 'row lock',
  'peer BullMQ per claim': 'BullMQ',
};

export function httpTables(rows: readonly HttpRow[], asMarkdown: boolean): string {
  const draw = asMarkdown ? markdown : table;
  const groups = Map.groupBy(rows, (row) => `${row.workload}, ${row.connections} connections`);
  return [...groups]
    .map(([title, group]) => {
      const others = group.map(({ target }) => target).filter((name) => name in shortNames);
      return `${title}\n\n${draw(
        columnsOf(others),
        group.map((row) => cellsOf(row, others)),
      )}`;
    })
    .join('\n\n');
}

function columnsOf(others: readonly string[]): Column[] {
  return [
    { title: '', align: 'left' },
    { title: 'requests/s' },
    { title: 'min … max' },
    ...others.map((name) => ({ title: `÷ ${shortNames[name] ?? name}` })),
    { title: 'p50 / p99 / p99.9 ms' },
    { title: 'open p99 ms' },
    { title: 'CPU µs answer' },
    { title: 'settled' },
    { title: 'unsettled' },
    { title: 'settled after s' },
    { title: 'load CPU' },
    { title: 'strangers' },
    { title: 'errors' },
    { title: 'adds up', align: 'left' },
  ];
}

function cellsOf(row: HttpRow, others: readonly string[]): string[] {
  const { requestsPerSecond: rate, problems } = row;
  const ms = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  return [
    row.target,
    whole(rate.median),
    `${whole(rate.min)} … ${whole(rate.max)}`,
    ...others.map((name) => (row.ratios[name] ?? NaN).toFixed(2)),
    `${ms(row.p50Ms)} / ${ms(row.p99Ms)} / ${ms(row.p999Ms)}`,
    row.openP99Ms === undefined ? '–' : ms(row.openP99Ms),
    row.answerCpuMicros.toFixed(1),
    row.settledCpuMicros.toFixed(1),
    whole(row.unsettled),
    row.settleSeconds.toFixed(2),
    `${Math.round(row.loadCpuShare * 100)} %`,
    `${Math.round(row.strangerCores * 100)} %`,
    String(row.errors),
    problems.length === 0 ? 'yes' : `VOID: ${problems[0]}`,
  ];
}
