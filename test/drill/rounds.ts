/** One round: strike under load, strike again during the recovery, wait until it serves, ask again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Evidence } from './evidence.ts';
import type { Load } from './load.ts';
import type { Round, Strike, StrikeKind } from './plan.ts';
import type { System } from './system.ts';

/** Longer, and the drill says that it never came back. */
const recoveryMsMax = 120_000;
const repeatsPerRound = 60;

export interface RoundResult {
  /** Strikes that hit something, by kind. */
  readonly hits: readonly StrikeKind[];
  /** Of these, those during a recovery. */
  readonly again: number;
  /** From the last strike to the first new claim sent after it and acknowledged. */
  readonly recoveryMs: number | undefined;
}

export class NeverCameBack extends Error {
  override readonly name = 'NeverCameBack';
}

/** @throws NeverCameBack */
export async function playRound(
  round: Round,
  system: System,
  load: Load,
  evidence: Evidence,
): Promise<RoundResult> {
  await sleep(round.quietMs);
  const hits: StrikeKind[] = [];
  let again = 0;
  let lastHitAt = 0;
  const hit = async (strike: Strike) => {
    const at = Date.now();
    if (!(await system.strike(strike.kind, strike.server, strike.awayMs))) return false;
    hits.push(strike.kind);
    lastHitAt = Math.max(lastHitAt, at);
    return true;
  };
  const play = async (strike: Strike) => {
    await sleep(strike.afterMs);
    for (const [turn, delayMs] of [0, ...strike.again].entries()) {
      await sleep(delayMs);
      const life = await system.life(strike.kind, strike.server);
      const struck = await hit(strike);
      if (turn > 0 && struck) again += 1;
      await system.revive(strike.kind, strike.server, strike.awayMs, life);
    }
  };
  await Promise.all(round.strikes.map(play));

  const recoveryMs =
    lastHitAt === 0 ? undefined : await recovery(round, system, evidence, lastHitAt);
  try {
    await system.ready(recoveryMsMax);
  } catch (error) {
    throw new NeverCameBack(String(error), { cause: error });
  }
  await load.repeat(repeatsPerRound);
  return { hits, again, recoveryMs };
}

async function recovery(
  { strikes }: Round,
  system: System,
  evidence: Evidence,
  since: number,
): Promise<number> {
  // Of several nodes the one that was struck: the others may not even have noticed.
  const [first] = strikes;
  const isNode = first?.kind === 'server' || first?.kind === 'pause';
  const node = isNode ? first.server % system.servers.length : undefined;
  const patience = new AbortController();
  const heardAt = await Promise.race([
    evidence.firstClaimAfter(since, node),
    sleep(recoveryMsMax, undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
  if (heardAt === undefined)
    throw new NeverCameBack(`no claim was acknowledged for ${recoveryMsMax / 1_000} s`);
  return heardAt - since;
}
