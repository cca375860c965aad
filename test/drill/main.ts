/** `npm run drill`: kills parts of the running product under load and proves that nothing acknowledged is lost. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BacklogResult, backlogReport, isInTime, measureBacklog } from './backlog.ts';
import { runDrill } from './drill.ts';
import { payoutMutants } from './payouts/mutants.ts';
import { drillPayouts } from './payouts/play.ts';
import { payoutReport, payoutsHold } from './payouts/report.ts';
import { holds, reportOf, roundLine, writeEvidence } from './report.ts';
import type { Backend } from './system.ts';

const usage = `npm run drill -- [options]
  --rounds N         rounds of kills (default 10)
  --minutes M        rounds for so long instead
  --backend B        embedded, redis or both (default both)
  --seed N           fixes the plan (default: of the clock, printed)
  --nodes N          server processes on one database, 1 or 2 (default 1)
  --receivers N      users that claim (default 200)
  --lanes N          of them at the same time (default 24)
  --backlog N        no kills: time a restart with N unsettled events in the journal
  --backlog-flush N  events in one of its jobs (default 250)
  --payouts          payouts instead of claims: payout workers and the bank are killed
  --mutant NAME      … with workers that break a rule, which has to be noticed:
                     ${payoutMutants.join(', ')}
  --evidence DIR     where a failed run is written (default: a temporary folder)
  --keep             write the evidence of a good run as well
`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    minutes: { type: 'string' },
    backend: { type: 'string', default: 'both' },
    seed: { type: 'string' },
    nodes: { type: 'string', default: '1' },
    receivers: { type: 'string', default: '200' },
    lanes: { type: 'string', default: '24' },
    backlog: { type: 'string' },
    'backlog-flush': { type: 'string', default: '250' },
    payouts: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    evidence: { type: 'string', default: join(tmpdir(), 'hongbao-drill-evidence') },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  process.stderr.write(`--${name} must be a number above 0\n${usage}`);
  process.exit(2);
}

function backends(text: string): readonly Backend[] {
  if (text === 'both') return ['embedded', 'redis'];
  if (text === 'embedded' || text === 'redis') return [text];
  process.stderr.write(`--backend must be embedded, redis or both\n${usage}`);
  process.exit(2);
}

if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (values.backlog !== undefined) {
  const events = positive('backlog', values.backlog);
  const eventsPerJob = positive('backlog-flush', values['backlog-flush']);
  const results: BacklogResult[] = [];
  for (const backend of backends(values.backend))
    results.push(await measureBacklog({ backend, events, eventsPerJob }));
  process.stdout.write(`${backlogReport(results)}\n`);
  process.exit(results.every(isInTime) ? 0 : 1);
}
const seed = positive('seed', values.seed ?? String((Date.now() % 1_000_000) + 1));
const rounds = positive('rounds', values.rounds);
let failed = false;
if (values.payouts) {
  const mutant = payoutMutants.find((name) => name === values.mutant);
  if (values.mutant !== undefined && mutant === undefined) {
    process.stderr.write(`there is no mutant ${values.mutant}\n${usage}`);
    process.exit(2);
  }
  for (const backend of backends(values.backend)) {
    process.stdout.write(`payout drill on ${backend}, --seed ${seed}\n`);
    const result = await drillPayouts({
      backend,
      seed,
      rounds,
      withdrawalsPerRound: 20,
      mutant,
      onRound: (round, { workers, bank, bankAfterPaying }) =>
        process.stdout.write(
          `round ${round}: ${workers} workers and ${bank + bankAfterPaying} banks killed so far\n`,
        ),
    });
    process.stdout.write(`\n${payoutReport(result)}\n\n`);
    if (!payoutsHold(result)) failed = true;
  }
  process.exit(failed ? 1 : 0);
}
for (const backend of backends(values.backend)) {
  process.stdout.write(`drill on ${backend}, --seed ${seed}\n`);
  const result = await runDrill({
    backend,
    seed,
    rounds,
    minutes: values.minutes === undefined ? undefined : positive('minutes', values.minutes),
    nodes: positive('nodes', values.nodes),
    receivers: positive('receivers', values.receivers),
    lanes: positive('lanes', values.lanes),
    roundsPerWorkerMode: 5,
    longestLifeSeconds: 12,
    onRound: (round, one) => process.stdout.write(`${roundLine(round, one)}\n`),
  });
  process.stdout.write(`\n${reportOf(result)}\n\n`);
  if (!holds(result)) failed = true;
  if (!holds(result) || values.keep) {
    process.stdout.write(`evidence: ${await writeEvidence(result, values.evidence)}\n`);
  }
}
process.exit(failed ? 1 : 0);
