/** The drill's table, and the evidence written to a folder when it does not hold. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median } from '../../bench/support/stats.ts';
import { table, whole } from '../../bench/support/table.ts';
import type { DrillResult } from './drill.ts';
import { findingKinds } from './findings.ts';
import { type StrikeKind, strikeKinds } from './plan.ts';
import type { RoundResult } from './rounds.ts';

const shownFindingsMax = 20;

const strikeNames: Readonly<Record<StrikeKind, string>> = {
  server: 'kills of a server',
  worker: 'kills of the settle worker',
  redis: 'kills of Redis',
  postmaster: 'kills of PostgreSQL',
  backend: 'kills of a PostgreSQL session',
  pause: 'pauses of a server',
  stall: "stalls of the journal's store",
};

/** True when nothing was lost, doubled or contradicted, and everything came back. */
export function holds({ findings, broken }: DrillResult): boolean {
  return findings.all.length === 0 && broken === undefined;
}

export function roundLine(round: number, { hits, again, recoveryMs }: RoundResult): string {
  const struck = hits.length === 0 ? 'nothing was there to strike' : hits.join(', ');
  const repeated = again === 0 ? '' : ` (${again} during recovery)`;
  const back = recoveryMs === undefined ? '' : `; back after ${whole(recoveryMs)} ms`;
  return `round ${round}: ${struck}${repeated}${back}`;
}

export function reportOf(result: DrillResult): string {
  const { options, rounds, evidence, findings, ownEnds } = result;
  const { heard, unanswered } = evidence;
  const hits = rounds.flatMap((round) => round.hits);
  const byKind = strikeKinds.map(
    (kind) => [kind, hits.filter((hit) => hit === kind).length] as const,
  );
  const recoveries = rounds.flatMap(({ recoveryMs }) => recoveryMs ?? []);
  const claims = heard.filter(({ ask, status }) => ask.action === 'claim' && status < 300);
  const missed = [...unanswered.values()].reduce((sum, count) => sum + count, 0);
  const rows: [string, string][] = [
    ['backend', `${options.backend}, ${options.nodes} server process(es), seed ${options.seed}`],
    ['rounds', whole(rounds.length)],
    ...byKind.map(([kind, count]): [string, string] => [strikeNames[kind], String(count)]),
    ['of these during recovery', whole(rounds.reduce((sum, round) => sum + round.again, 0))],
    ['ended by itself', whole(ownEnds.length)],
    ['batches', whole(result.batches)],
    ['answers', whole(heard.length)],
    ['acknowledged claims', whole(claims.length)],
    ['attempts without an answer', whole(missed)],
    ['never answered', whole(evidence.neverAnswered.length)],
    ...findingKinds.map((kind): [string, string] => [kind, whole(findings.count(kind))]),
    ['recovery, median', `${whole(median(recoveries))} ms`],
    ['recovery, longest', `${whole(Math.max(0, ...recoveries))} ms`],
    ['settled after the load', `${whole(result.settledMs ?? Number.NaN)} ms`],
  ];
  const lines = [table([{ title: 'drill', align: 'left' }, { title: '' }], rows)];
  if (result.broken !== undefined) lines.push(`NOT PLAYED TO THE END: ${result.broken}`);
  for (const { kind, text } of findings.all.slice(0, shownFindingsMax))
    lines.push(`${kind}: ${text}`);
  if (findings.all.length > shownFindingsMax)
    lines.push(`… ${findings.all.length - shownFindingsMax} more`);
  return lines.join('\n');
}

/** Everything that a person needs to find out what happened. @returns the folder */
export async function writeEvidence(result: DrillResult, folder: string): Promise<string> {
  const { options, evidence, findings, ledger, logs, ownEnds, rounds, broken } = result;
  const path = join(folder, `${options.backend}-seed-${options.seed}`);
  await mkdir(path, { recursive: true });
  const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
  const lines = (values: Iterable<unknown>) =>
    [...values].map((value) => `${JSON.stringify(value)}\n`).join('');
  await Promise.all([
    writeFile(join(path, 'summary.json'), json({ options, rounds, broken, ownEnds })),
    writeFile(join(path, 'findings.jsonl'), lines(findings.all)),
    writeFile(join(path, 'answers.jsonl'), lines(evidence.heard)),
    writeFile(join(path, 'packets.jsonl'), lines(ledger?.packets.values() ?? [])),
    writeFile(join(path, 'batches.jsonl'), lines(ledger?.batches.values() ?? [])),
    ...[...logs].map(([name, text]) =>
      writeFile(join(path, `${name.replaceAll(' ', '-')}.log`), text),
    ),
  ]);
  return path;
}
