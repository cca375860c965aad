/** Statements on `quarantine`: events that can never apply are kept as they came, for an operator to repair. */
import { integers, texts } from './arrays.ts';
import { isBatchId } from './batches.ts';
import type { Quarantined } from './plan.ts';
import type { Connection } from './statements.ts';

/**
 * Keeps the events, marks their batches (where they exist and are confirmed) and counts on the owner each batch that
 * comes into quarantine through it for the first time.
 */
export async function quarantineEvents(
  connection: Connection,
  owner: number,
  quarantined: readonly Quarantined[],
  now: number,
): Promise<void> {
  const batchIds = [...new Set(quarantined.map(({ event }) => storable(event.batchId)))];
  await connection.query(
    `UPDATE owner SET quarantined = quarantined + (
       SELECT count(*) FROM unnest($2::text[]) AS u (batch)
       WHERE NOT EXISTS (SELECT FROM quarantine WHERE owner = $1 AND quarantine.batch = u.batch))
     WHERE number = $1`,
    [owner, texts(batchIds)],
  );
  await connection.query(
    `INSERT INTO quarantine (batch, version, content, reason, owner, at)
     SELECT batch, version, content, reason, $5, $6
     FROM unnest($1::text[], $2::bigint[], $3::json[], $4::text[]) AS u (batch, version, content, reason)`,
    [
      texts(quarantined.map(({ event }) => storable(event.batchId))),
      integers(
        quarantined.map(({ event }) => (Number.isSafeInteger(event.version) ? event.version : 0)),
      ),
      texts(quarantined.map(({ event }) => JSON.stringify(event))),
      texts(quarantined.map(({ reason }) => reason)),
      owner,
      now,
    ],
  );
  await connection.query(
    'UPDATE batch SET quarantined = true WHERE id = ANY ($1::bigint[]) AND confirmed_at IS NOT NULL',
    [integers(batchIds.filter(isBatchId))],
  );
}

/** Postgres text holds no NUL; whatever else a damaged id is made of is kept. */
function storable(batchId: string): string {
  return batchId.replaceAll('\0', '\uFFFD');
}

/** Batches with events in quarantine through this owner. */
export async function selectQuarantined(connection: Connection, owner: number): Promise<string[]> {
  const { rows } = await connection.query<{ batch: string }>(
    'SELECT DISTINCT batch FROM quarantine WHERE owner = $1 ORDER BY batch',
    [owner],
  );
  return rows.map(({ batch }) => batch);
}
