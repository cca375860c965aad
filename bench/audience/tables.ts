/** What the benchmark of large audiences found, as tables. */
import type { AudienceResult } from '../audience.ts';
import { markdown, table, whole } from '../support/table.ts';

export function audienceTables(
  { shares, memory, stops, load }: AudienceResult,
  asMarkdown: boolean,
): string {
  const draw = asMarkdown ? markdown : table;
  const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
  const first = draw(
    [
      { title: 'journal', align: 'left' },
      { title: 'share to', align: 'left' },
      { title: 'receivers' },
      { title: '201 ms (max)' },
      { title: 'settled ms (max)' },
      { title: 'shard thread stops ms' },
      { title: 'gateway stops ms' },
      { title: 'claims elsewhere p50 / p99 ms' },
      { title: 'quiet p50 / p99 ms' },
    ],
    shares.map((row) => [
      row.journal,
      row.to,
      whole(row.receivers),
      `${ms(row.answeredMs)} (${ms(row.answeredMsMax)})`,
      `${ms(row.settledMs)} (${ms(row.settledMsMax)})`,
      ms(row.shardStopMs),
      ms(row.gatewayStopMs),
      `${ms(row.claimP50Ms)} / ${ms(row.claimP99Ms)}`,
      `${ms(row.quietP50Ms)} / ${ms(row.quietP99Ms)}`,
    ]),
  );
  const second = draw(
    [{ title: 'receivers' }, { title: 'id' }, { title: 'table bytes' }, { title: 'Set bytes' }],
    memory.map(({ receivers, idLength, tableBytes, setBytes }) => [
      whole(receivers),
      String(idLength),
      tableBytes.toFixed(1),
      setBytes.toFixed(1),
    ]),
  );
  const third =
    load === undefined
      ? ''
      : `\n\nload of ${whole(load.receivers)} receivers: ${ms(load.ms)} ms, longest stop ${ms(load.stopMs)} ms`;
  const fourth = draw(
    [
      { title: 'one event, journal', align: 'left' },
      { title: 'receivers' },
      { title: 'id' },
      { title: 'longest turn, CPU ms (max)' },
      { title: 'whole, CPU ms' },
    ],
    stops.map(({ journal, receivers, idLength, turnMs, turnMsMax, cpuMs }) => [
      journal,
      whole(receivers),
      String(idLength),
      `${ms(turnMs)} (${ms(turnMsMax)})`,
      ms(cpuMs),
    ]),
  );
  return `${first}\n\n${fourth}\n\n${second}${third}`;
}
