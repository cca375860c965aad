/**
 * Repair of quarantined batches. Guards invariants 2 and 6: the repair takes the batch's shard over first, so that no
 * earlier owner's events of the batch can still be on their way; a live server takes the shard back by itself.
 */
import type { Pool } from 'pg';
import { shardOf } from '../core/hash.ts';
import type { BatchEvent } from '../core/types.ts';
import { takeOver, type TakeOverDeps } from '../shard/take-over.ts';
import { applyEvents } from '../store/apply.ts';
import { isBatchId } from '../store/batches.ts';
import { loadBatch } from '../store/load.ts';
import { lockOwner, selectSealedAbove } from '../store/owners.ts';
import { decidedTransaction } from '../store/pool.ts';
import type { Connection } from '../store/statements.ts';

export interface QuarantineLine {
  /** Empty for records of a damaged job that nobody can read. */
  readonly batchId: string;
  readonly events: number;
  readonly firstVersion: number;
  /** Why the first of them could not apply; the others followed it. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** What is in quarantine, oldest first; also batches that are only marked. */
export async function listQuarantine(pool: Pool): Promise<QuarantineLine[]> {
  const { rows } = await pool.query<QuarantineLine>(
    `SELECT coalesce(q.batch, b.id::text) AS "batchId", coalesce(q.events, 0) AS events,
       coalesce(q.first, 0) AS "firstVersion", coalesce(q.reason, 'marked only') AS reason, coalesce(q.since, 0) AS since
     FROM (SELECT batch, count(*)::int AS events, min(version) AS first, min(at) AS since,
             (array_agg(reason ORDER BY id))[1] AS reason FROM quarantine GROUP BY batch) AS q
     FULL JOIN (SELECT id FROM batch WHERE quarantined) AS b ON b.id::text = q.batch
     ORDER BY since, 1`,
  );
  return rows;
}

export type Repaired =
  /** The events took effect (or had before), and the batch goes on. */
  | { readonly kind: 'repaired'; readonly applied: number; readonly duplicates: number }
  | { readonly kind: 'not_in_quarantine' }
  /** The cause is still there; nothing was changed. */
  | { readonly kind: 'still_poison'; readonly reasons: readonly string[] };

const attemptsMax = 20;
const doubt =
  'a damaged job was set aside: compare the events with what clients were told, then add --trust-damaged';

/**
 * Applies a batch's quarantined events in their order, all or none, and lets the batch go on.
 *
 * @param trustDamaged an operator has looked at what came from a damaged job, or may be missing since
 * @throws AssertionError when the stored batch does not add up; passing errors of journal and Postgres
 */
export async function retryBatch(
  deps: TakeOverDeps,
  pool: Pool,
  batchId: string,
  trustDamaged = false,
): Promise<Repaired> {
  if (!isBatchId(batchId)) return { kind: 'not_in_quarantine' };
  const shard = shardOf(batchId);
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const { number, kept } = await takeOver(deps, [shard]);
    if (!kept.includes(shard)) continue;
    const repaired = await decidedTransaction(pool, async (connection) => {
      await lockOwner(connection, number);
      // A server has taken the shard back in between, and may be deciding already.
      if ((await selectSealedAbove(connection, [shard], number)).size > 0)
        return { commit: false, value: undefined };
      const value = await apply(connection, number, batchId, deps.clock.now(), trustDamaged);
      return { commit: value.kind === 'repaired', value };
    });
    if (repaired !== undefined) return repaired;
  }
  throw new Error(`batch ${batchId}: its shard could not be held; try again, or stop the servers`);
}

async function apply(
  connection: Connection,
  number: number,
  batchId: string,
  now: number,
  trustDamaged: boolean,
): Promise<Repaired> {
  const { rows } = await connection.query<{ content: BatchEvent; reason: string }>(
    'SELECT content, reason FROM quarantine WHERE batch = $1 ORDER BY version, id FOR UPDATE',
    [batchId],
  );
  const marked = await connection.query(
    'UPDATE batch SET quarantined = false WHERE id = $1 AND quarantined',
    [batchId],
  );
  if (rows.length === 0 && marked.rowCount === 0) return { kind: 'not_in_quarantine' };
  const doubtful = rows.length === 0 || rows.some(({ reason }) => reason === 'damaged_job');
  if (doubtful && !trustDamaged) return { kind: 'still_poison', reasons: [doubt] };
  const events = rows.map(({ content }) => content);
  const applied = await applyEvents(connection, number, events, now);
  const reasons = [
    ...applied.quarantined.map(({ version, reason }) => `version ${version}: ${reason}`),
    ...applied.conflicts.map(({ version }) => `version ${version}: event_conflict`),
  ];
  if (reasons.length > 0) return { kind: 'still_poison', reasons };
  await connection.query(
    `WITH gone AS (DELETE FROM quarantine WHERE batch = $1 RETURNING *)
     INSERT INTO repaired SELECT id, batch, version, content, reason, owner, at, $2 FROM gone`,
    [batchId, now],
  );
  // Versions and packets without a gap, or the repair is none.
  await loadBatch(connection, batchId);
  return { kind: 'repaired', applied: applied.inserted, duplicates: applied.duplicates };
}
