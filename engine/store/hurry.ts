/**
 * Word from those who wait for something to be settled to those who settle, over the database that both have: while
 * nobody waits, settling rests between its transactions. Only a courtesy: a word that is lost costs one rest.
 */
import type { Pool } from 'pg';
import { hurrySpacingMs } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import { listenTo } from './notifications.ts';

const channel = 'hongbao_hurry';

/** Tells everybody who settles, at most every `hurrySpacingMs`: each word is a small transaction. */
export function hurrySender(pool: Pool): () => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - toldAt < hurrySpacingMs) return;
    toldAt = now;
    pool.query(`NOTIFY ${channel}`).catch(() => undefined);
  };
}

/** Calls `hear` at each word; listens again after a lost connection. */
export function listenForHurry(
  url: string,
  clock: Clock,
  hear: () => void,
): { close(): Promise<void> } {
  return listenTo({ url, channel, applicationName: 'hongbao-hurry', clock, hear });
}
