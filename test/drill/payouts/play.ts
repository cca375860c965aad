/** A drill of payouts on one backend: rounds of withdrawals, faults and kills, then rest, then the bank's file. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../engine/adapters/clock.ts';
import { postgresBooks } from '../../../engine/books/postgres.ts';
import { openWakeUps } from '../../../engine/payment-queue/open.ts';
import { waking } from '../../../engine/payment-queue/waking.ts';
import { postgresPayments } from '../../../engine/payment/postgres.ts';
import { withdrawalLimitsDefault } from '../../../engine/payment/settings.ts';
import { silentObserver } from '../../../engine/ports/observer.ts';
import { openPool } from '../../../engine/store/pool.ts';
import { diceOf } from '../dice.ts';
import { Findings } from '../findings.ts';
import type { OwnEnd } from '../kept-process.ts';
import type { Backend } from '../system.ts';
import { type PayoutBooks, readPayoutBooks } from './books.ts';
import { checkPayouts } from './check.ts';
import type { PayoutMutant } from './mutants.ts';
import { playRound, type PayoutKills, type Players } from './round.ts';
import { cardKeys, fastClock, redisOf } from './settings.ts';
import { type DeathStep, deathSteps } from './steps.ts';
import { type PayoutSystem, startPayoutSystem } from './system.ts';

export interface PayoutDrillOptions {
  readonly backend: Backend;
  readonly seed: number;
  /** More are played, up to five times as many, until workers died at each step. */
  readonly rounds: number;
  readonly withdrawalsPerRound: number;
  /** Where workers die; default: everywhere. */
  readonly steps?: readonly DeathStep[];
  /** The workers break this rule. */
  readonly mutant?: PayoutMutant | undefined;
  readonly onRound?: (round: number, kills: PayoutKills) => void;
}

export interface PayoutDrillResult {
  readonly options: PayoutDrillOptions;
  readonly findings: Findings;
  readonly books: PayoutBooks | undefined;
  /** Of workers, at a step of their own. */
  readonly deaths: ReadonlyMap<DeathStep, number>;
  /** By the drill. */
  readonly kills: PayoutKills;
  readonly restMs: number | undefined;
  readonly broken: string | undefined;
}

const restMsMax = 90_000;
const illMsMax = 10_000;
const openShareMax = 0.1;
const roundsFactorMax = 5;

export async function drillPayouts(options: PayoutDrillOptions): Promise<PayoutDrillResult> {
  const { backend, seed, mutant, steps = deathSteps } = options;
  const epoch = Date.now();
  const system = await startPayoutSystem({ backend, epoch, mutant, steps, dice: diceOf(seed + 1) });
  const findings = new Findings();
  const kills: PayoutKills = { workers: 0, bank: 0, bankAfterPaying: 0 };
  let books: PayoutBooks | undefined;
  let restMs: number | undefined;
  let broken: string | undefined;
  try {
    const players = await openPlayers(system, epoch);
    try {
      await playRounds(options, system, players, kills);
      restMs = await rest(system, players);
      await players.lookLast();
      const { told } = players;
      books = await readPayoutBooks(players.pool, players.books, { told, lines: system.lines() });
    } finally {
      await players.close();
    }
    checkPayouts(books, findings);
    for (const line of alarmsOf(system)) findings.add('unexpected', line);
    for (const { process, code, lastLines } of ownEndsOf(system))
      findings.add('unexpected', `${process} ended by itself with ${code}: ${lastLines}`);
  } catch (error) {
    broken = String(error);
  } finally {
    await system.close();
  }
  return { options, findings, books, deaths: system.deaths(), kills, restMs, broken };
}

async function openPlayers({ databaseUrl: url, redisUrl }: PayoutSystem, epoch: number) {
  const now = fastClock({ EPOCH: String(epoch) });
  const settings = { databaseUrl: url, redis: redisOf(redisUrl), clock: systemClock };
  const wakeUps = await openWakeUps({ ...settings, observer: silentObserver });
  const limits = { ...withdrawalLimitsDefault, amountMin: 1, dayCountMax: 10_000 };
  const plain = await postgresPayments({ url, cardKeys, limits, now, poolMax: 8 });
  const books = await postgresBooks({ url, poolMax: 8 });
  const pool = await openPool({ url, applicationName: 'drill', poolMax: 2 });
  const looking: Promise<void>[] = [];
  let isOver = false;
  const lookLast = async () => {
    isOver = true;
    await Promise.all(looking);
  };
  const players: Players = {
    books,
    payments: waking(plain, wakeUps, silentObserver),
    told: [],
    looking,
    isOver: () => isOver,
  };
  return {
    ...players,
    pool,
    lookLast,
    async close() {
      await lookLast().catch(() => undefined);
      await wakeUps.close();
      await Promise.all([plain.close(), books.close(), pool.end()]);
    },
  };
}

async function playRounds(
  { seed, rounds, withdrawalsPerRound, steps = deathSteps, onRound }: PayoutDrillOptions,
  system: PayoutSystem,
  players: Players,
  kills: PayoutKills,
): Promise<void> {
  const dice = diceOf(seed);
  const isMissing = () => steps.some((step) => system.deaths().get(step) === 0);
  for (let round = 1; round <= rounds * roundsFactorMax; round += 1) {
    if (round > rounds && !isMissing()) return;
    const wishes = Array.from({ length: withdrawalsPerRound }, (_, i) => ({
      userId: `user-${round}-${i}`,
      amount: dice.between(1, 1_000),
      isVerified: dice.chance(90),
    }));
    await playRound(system, players, wishes, dice, kills);
    onRound?.(round, kills);
  }
}

/** Nobody dies any more, and when most has ended in spite of it the bank is well again: everything has to end. */
async function rest(
  system: PayoutSystem,
  { pool, told }: Awaited<ReturnType<typeof openPlayers>>,
): Promise<number | undefined> {
  const startedAt = performance.now();
  await system.spareWorkers();
  let isIll = true;
  for (;;) {
    const { rows } = await pool.query<{ open: number }>(
      'SELECT count(*) AS open FROM withdrawal WHERE ended_at IS NULL',
    );
    const [{ open } = { open: 0 }] = rows;
    const restMs = performance.now() - startedAt;
    if (open === 0) return restMs;
    if (restMs > restMsMax) return undefined;
    if (isIll && (restMs > illMsMax || open < told.length * openShareMax)) {
      await system.setFaults([]);
      isIll = false;
    }
    await sleep(200);
  }
}

function alarmsOf({ workers }: PayoutSystem): string[] {
  return workers
    .flatMap(({ output }) => output.split('\n'))
    .filter((line) => line.startsWith('alarm '));
}

/** A death by a signal is what the drill is about; any exit of its own is not. */
function ownEndsOf({ workers, bank }: PayoutSystem): OwnEnd[] {
  return [...workers, bank].flatMap(({ ownEnds }) => ownEnds).filter(({ code }) => code !== null);
}
