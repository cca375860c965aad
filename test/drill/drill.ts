/** A whole drill on one backend: load and rounds, then rest, then every answer against the ledger. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../engine/adapters/clock.ts';
import { openJournal } from '../../engine/journal/open.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { checkBooks } from './check-books.ts';
import { checkPackets } from './check-packets.ts';
import { checkReads } from './check-reads.ts';
import { checkRefusals } from './check-refusals.ts';
import { Caller } from './caller.ts';
import { diceOf } from './dice.ts';
import { Evidence } from './evidence.ts';
import { Findings } from './findings.ts';
import { type Ledger, readLedger } from './ledger.ts';
import { Load } from './load.ts';
import { planner } from './plan.ts';
import { playRound, type RoundResult } from './rounds.ts';
import { type Backend, System, type WorkerMode } from './system.ts';
import { indexOf } from './told.ts';
import type { OwnEnd } from './kept-process.ts';

export interface DrillOptions {
  readonly backend: Backend;
  readonly seed: number;
  readonly rounds: number;
  /** Rounds go on until then, whatever their number; undefined: only the number counts. */
  readonly minutes: number | undefined;
  readonly nodes: number;
  readonly receivers: number;
  readonly lanes: number;
  /** After so many rounds the settle worker moves into the servers, or out. */
  readonly roundsPerWorkerMode: number;
  /** Of batches that expire. */
  readonly longestLifeSeconds: number;
  readonly onRound?: (round: number, result: RoundResult) => void;
}

export interface DrillResult {
  readonly options: DrillOptions;
  readonly rounds: readonly RoundResult[];
  readonly evidence: Evidence;
  readonly findings: Findings;
  readonly ledger: Ledger | undefined;
  readonly batches: number;
  readonly ownEnds: readonly OwnEnd[];
  readonly logs: ReadonlyMap<string, string>;
  /** From the end of the load until nothing was pending. */
  readonly settledMs: number | undefined;
  /** Why the drill could not be played to its end. */
  readonly broken: string | undefined;
}

const settledMsMax = 120_000;
const settledPollMs = 200;
/** A sweep runs every second. */
const sweepMs = 2_000;

export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const { backend, nodes, seed } = options;
  const system = await System.start({ backend, nodes, worker: 'inline' });
  const evidence = new Evidence();
  const dice = diceOf(seed + 1);
  const caller = new Caller(system.urls, evidence, dice);
  const load = new Load(caller, evidence, dice, options);
  const findings = new Findings();
  const rounds: RoundResult[] = [];
  let broken: string | undefined;
  let ledger: Ledger | undefined;
  let settledMs: number | undefined;
  try {
    load.start(options.lanes);
    await playRounds(options, system, load, evidence, findings, rounds);
    await load.stop();
    settledMs = await rest(options, system, caller, evidence, findings);
    ledger = await readLedger(await system.databaseUrl());
    compare(evidence, ledger, findings);
  } catch (error) {
    broken = String(error);
    await Promise.race([load.stop(), sleep(10_000)]);
  } finally {
    caller.close();
    await system.close();
  }
  const { ownEnds } = system;
  const logs = system.logs();
  const batches = load.batchesMade;
  return { options, rounds, evidence, findings, ledger, batches, ownEnds, logs, settledMs, broken };
}

async function playRounds(
  options: DrillOptions,
  system: System,
  load: Load,
  evidence: Evidence,
  findings: Findings,
  results: RoundResult[],
): Promise<void> {
  const { seed, nodes, backend, minutes, roundsPerWorkerMode } = options;
  const plan = planner(seed);
  const until = minutes === undefined ? 0 : performance.now() + minutes * 60_000;
  const goesOn = () =>
    minutes === undefined ? results.length < options.rounds : performance.now() < until;
  while (goesOn()) {
    evidence.round = results.length + 1;
    if (results.length > 0 && results.length % roundsPerWorkerMode === 0) {
      const mode: WorkerMode = system.workerMode === 'inline' ? 'process' : 'inline';
      const codes = await system.moveWorker(mode);
      const wrong = codes.filter((code) => code !== 0);
      if (wrong.length > 0) findings.add('unexpected', `SIGTERM: exit code ${wrong.join(', ')}`);
    }
    const worker = system.workerMode === 'process';
    const round = plan({ nodes, worker, redis: backend === 'redis' });
    const result = await playRound(round, system, load, evidence);
    results.push(result);
    options.onRound?.(results.length, result);
  }
}

/** Waits until everything has settled, the journal is empty and what had to expire has expired. */
async function rest(
  { longestLifeSeconds }: DrillOptions,
  system: System,
  caller: Caller,
  evidence: Evidence,
  findings: Findings,
): Promise<number> {
  const startedAt = performance.now();
  const { redisUrl } = system;
  const trust = { trustReplicas: false, trustUnreadableSettings: false };
  const journal = await openJournal({
    databaseUrl: await system.databaseUrl(),
    redis: redisUrl === undefined ? undefined : { url: redisUrl, ...trust },
    clock: systemClock,
    observer: silentObserver,
  });
  try {
    let wrong = '';
    do {
      wrong = (await unsettled(system)) ?? `${await journal.depth()} jobs in the journal`;
      if (wrong.startsWith('0 jobs')) break;
      await sleep(settledPollMs);
    } while (performance.now() - startedAt < settledMsMax);
    if (!wrong.startsWith('0 jobs')) findings.add('unexpected', `it never settled: ${wrong}`);
  } finally {
    await journal.close();
  }
  const settledMs = performance.now() - startedAt;
  await sleep(longestLifeSeconds * 1_000 + sweepMs);
  // Once more after the last expiries.
  while ((await unsettled(system)) !== undefined && performance.now() - startedAt < settledMsMax)
    await sleep(settledPollMs);
  const audit = await caller.ask({ action: 'audit', user: 'operator' });
  const { ok, pendingEvents } = audit?.body ?? {};
  if (ok !== true || pendingEvents !== 0)
    findings.add('contradicted', `audit: ${JSON.stringify(audit?.body)}`);
  const receivers = new Set(evidence.heard.map(({ ask }) => ask.user));
  for (const user of receivers)
    if (user.startsWith('r-')) await caller.ask({ action: 'accounts', user });
  return settledMs;
}

/** What is still pending somewhere, in words; undefined when nothing is. */
async function unsettled(system: System): Promise<string | undefined> {
  for (const url of system.urls) {
    const text = await fetch(`${url}/metrics`).then((response) => response.text());
    const pending = /^hongbao_unsettled_events(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1];
    if (pending !== '0') return `${pending} events pending`;
  }
  return undefined;
}

/** Every answer against the ledger, and the ledger against itself. */
export function compare(evidence: Evidence, ledger: Ledger, findings: Findings): void {
  const told = indexOf(evidence.heard);
  checkPackets(told, ledger, findings);
  checkRefusals(evidence, told, ledger, findings);
  checkReads(evidence.heard, told, ledger, findings);
  checkBooks(evidence.heard, ledger, findings);
  for (const { action, user, batch } of evidence.neverAnswered)
    findings.add('unexpected', `${action} by ${user} on ${batch} was never answered`);
}
