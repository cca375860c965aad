/**
 * Sets a damaged journal job aside, so that its owner can settle on. Nobody can know what an unreadable record said,
 * so this errs on the side of the ledger: every batch it may concern goes into quarantine (invariants 4 and 6).
 */
import type { Pool } from 'pg';
import { decodePayload, salvagePayload, UnknownPayloadFormat } from '../core/codec.ts';
import { jobId, type Journal } from '../ports/journal.ts';
import { advanceOwner, lockOwner } from '../store/owners.ts';
import { decidedTransaction } from '../store/pool.ts';
import { quarantineEvents } from '../store/quarantine.ts';
import type { Connection } from '../store/statements.ts';

export type SetAside =
  | {
      readonly kind: 'set_aside';
      /** Events that could be read; they lie in quarantine with their batches. */
      readonly events: number;
      readonly unreadable: number;
      /** Further batches of these shards that are marked, because they may have lost an event. */
      readonly marked: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** @throws passing errors of journal and Postgres; then nothing is changed */
export function setAside(
  pool: Pool,
  journal: Pick<Journal, 'read'>,
  job: { readonly number: number; readonly seq: number },
  now: number,
): Promise<SetAside> {
  const { number, seq } = job;
  return decidedTransaction(pool, async (connection) => {
    const refuse = (reason: string) => ({
      commit: false,
      value: { kind: 'refused', reason } as SetAside,
    });
    const settled = await lockOwner(connection, number);
    if (settled === undefined) return refuse(`there is no owner ${number}`);
    if (settled >= seq) return refuse('it is settled');
    if (settled < seq - 1) return refuse(`jobs before it are not settled yet (${settled} is)`);
    const [text] = await journal.read([jobId(number, seq)]);
    if (text === undefined) return refuse('the journal holds no such job');
    if (!isDamaged(text)) return refuse('its text can be read; it settles by itself');
    const { events, unreadable } = salvagePayload(text);
    const quarantined = events.map((event) => ({ event, reason: 'damaged_job' }));
    if (quarantined.length > 0) await quarantineEvents(connection, number, quarantined, now);
    await keepUnreadable(connection, job, unreadable, now);
    const marked = await markAll(connection, number);
    await advanceOwner(connection, number, seq, 0);
    const value: SetAside = {
      kind: 'set_aside',
      events: events.length,
      unreadable: unreadable.length,
      marked,
    };
    return { commit: true, value };
  });
}

/** A format of another version is not damage: a newer program reads it. */
function isDamaged(text: string): boolean {
  try {
    decodePayload(text);
    return false;
  } catch (error) {
    return !(error instanceof UnknownPayloadFormat);
  }
}

/** Keeps what cannot be read, for whoever may make sense of it. */
async function keepUnreadable(
  connection: Connection,
  job: { readonly number: number; readonly seq: number },
  unreadable: readonly string[],
  now: number,
): Promise<void> {
  for (const text of unreadable) {
    await connection.query(
      `INSERT INTO quarantine (batch, version, content, reason, owner, at) VALUES ('', $1, $2, 'unreadable_record', $3, $4)`,
      [job.seq, JSON.stringify({ text: text.replaceAll('\0', '\uFFFD') }), job.number, now],
    );
  }
}

/** Marks every batch of the owner's shards that still had something to happen: records may be cut off or altered. */
async function markAll(connection: Connection, number: number): Promise<number> {
  const { rowCount } = await connection.query(
    `UPDATE batch SET quarantined = true WHERE confirmed_at IS NOT NULL AND NOT ended AND NOT quarantined
       AND shard IN (SELECT shard FROM shard_owner WHERE number = $1)`,
    [number],
  );
  return rowCount ?? 0;
}
