/** One round of an engine benchmark and what it found. */
import type { Samples } from '../support/stats.ts';

export interface Round {
  readonly claims: number;
  readonly seconds: number;
  /** CPU of this process, all its threads. */
  readonly cpuSeconds: number;
  /** Events per journal job. */
  readonly flushEvents?: Samples;
  readonly flushMs?: Samples;
  readonly gateMs?: Samples;
}

/** Limits of one round. */
export interface RoundSettings {
  readonly seconds: number;
  /** Claims under way at a time. */
  readonly window: number;
}

/** Runs `work`, which resolves with the number of claims made, and times it. */
export async function timed(work: () => Promise<number> | number): Promise<Round> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const claims = await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { claims, seconds, cpuSeconds: (user + system) / 1e6 };
}
