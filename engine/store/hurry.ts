/**
 * Word from those who wait for something to be settled to those who settle, over the database that both have: while
 * nobody waits, settling rests between its transactions. Only a courtesy: a word that is lost costs one rest.
 */
import { Client, type Pool } from 'pg';
import { hurryRetryMs, hurrySpacingMs } from '../limits.ts';
import { sleep, type Clock } from '../ports/clock.ts';

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
  let client: Client | undefined;
  let closed = false;
  const listen = () => {
    if (closed) return;
    const own = new Client({
      connectionString: url,
      application_name: 'hongbao-hurry',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
    });
    client = own;
    let lost = false;
    const again = () => {
      if (lost) return;
      lost = true;
      own.end().catch(() => undefined);
      clock.after(hurryRetryMs, listen);
    };
    own.on('error', again);
    own.on('end', again);
    own.on('notification', hear);
    own
      .connect()
      .then(() => own.query(`LISTEN ${channel}`))
      .catch(again);
  };
  listen();
  return {
    async close() {
      closed = true;
      // A server that hangs would hold up the end of the process.
      const ended = client?.end().catch(() => undefined);
      await Promise.race([ended, sleep(clock, hurryRetryMs)]);
    },
  };
}
