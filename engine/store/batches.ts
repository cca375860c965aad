/** Statements on `batch`: lock and read, counters, quarantine mark, what is overdue. Guards invariant 6. */
import type { Overdue } from '../ports/store.ts';
import { isEnded } from '../core/applicable.ts';
import { batchIdPattern } from '../limits.ts';
import { booleans, integers } from './arrays.ts';
import type { Standing } from './plan.ts';
import { rowCount, type Connection } from './statements.ts';

const bigintMax = 2n ** 63n - 1n;

/** Whether the text can be a batch id at all; what cannot is unknown to Postgres. */
export function isBatchId(text: string): boolean {
  return batchIdPattern.test(text) && (text.length < 19 || BigInt(text) <= bigintMax);
}

/** Locks the batches' rows in the order of their ids and reads how they stand; unknown ones are left out. */
export async function lockBatches(
  connection: Connection,
  batchIds: readonly string[],
): Promise<Map<string, Standing>> {
  const { rows } = await connection.query<StandingRow>({
    name: 'lock-batches',
    rowMode: 'array',
    text: `SELECT id::text, version, count, total, each, claimed, opened, opened_amount, refunded_amount,
        last_event_at, best_amount, best_packet, asset, sender,
        (expired_at IS NOT NULL)::int + 2 * once_per_receiver::int + 4 * anyone::int
          + 8 * (confirmed_at IS NOT NULL)::int + 16 * quarantined::int
      FROM batch WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE`,
    values: [integers(batchIds.filter(isBatchId))],
  });
  return new Map(rows.map((row) => [row[0], standing(row)]));
}

type StandingRow = [
  id: string,
  version: number,
  count: number,
  total: number,
  each: number | null,
  claimed: number,
  opened: number,
  openedAmount: number,
  refundedAmount: number,
  lastEventAt: number,
  bestAmount: number,
  bestPacket: number,
  asset: string,
  sender: string,
  flags: number,
];

function standing(row: StandingRow): Standing {
  const flags = row[14];
  return {
    summary: {
      version: row[1],
      count: row[2],
      total: row[3],
      mode: row[4] === null ? 'lucky' : 'fixed',
      each: row[4] ?? undefined,
      claimed: row[5],
      opened: row[6],
      openedAmount: row[7],
      refundedAmount: row[8],
      lastEventAt: row[9],
      bestAmount: row[10],
      bestPacket: row[11],
      expired: (flags & 1) !== 0,
    },
    asset: row[12],
    senderId: row[13],
    oncePerReceiver: (flags & 2) !== 0,
    anyone: (flags & 4) !== 0,
    confirmed: (flags & 8) !== 0,
    quarantined: (flags & 16) !== 0,
  };
}

/** Writes how the locked batches stand now. Resolves with the number of rows found. */
export function updateBatches(
  connection: Connection,
  standings: ReadonlyMap<string, Standing>,
): Promise<number> {
  const ids = [...standings.keys()];
  const all = [...standings.values()];
  const summaries = all.map(({ summary }) => summary);
  return rowCount(
    connection.query({
      name: 'update-batches',
      text: `UPDATE batch SET version = u.version, claimed = u.claimed, opened = u.opened,
          opened_amount = u.opened_amount, refunded_amount = u.refunded_amount, last_event_at = u.last_event_at,
          best_amount = u.best_amount, best_packet = u.best_packet, anyone = u.anyone, ended = u.ended,
          expired_at = CASE WHEN u.expired THEN coalesce(expired_at, u.last_event_at) END
        FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[],
          $8::bigint[], $9::int[], $10::bool[], $11::bool[], $12::bool[])
          AS u (id, version, claimed, opened, opened_amount, refunded_amount, last_event_at,
            best_amount, best_packet, anyone, ended, expired)
        WHERE batch.id = u.id`,
      values: [
        integers(ids),
        integers(summaries.map((summary) => summary.version)),
        integers(summaries.map((summary) => summary.claimed)),
        integers(summaries.map((summary) => summary.opened)),
        integers(summaries.map((summary) => summary.openedAmount)),
        integers(summaries.map((summary) => summary.refundedAmount)),
        integers(summaries.map((summary) => summary.lastEventAt)),
        integers(summaries.map((summary) => summary.bestAmount)),
        integers(summaries.map((summary) => summary.bestPacket)),
        booleans(all.map(({ anyone }) => anyone)),
        booleans(summaries.map(isEnded)),
        booleans(summaries.map((summary) => summary.expired)),
      ],
    }),
  );
}

/** See `Store.overdue`; served by `batch_overdue`. */
export async function selectOverdue(
  connection: Connection,
  shards: readonly number[],
  now: number,
  limit: number,
  after?: Overdue,
): Promise<Overdue[]> {
  const { rows } = await connection.query<{ id: string; expires_at: number }>({
    name: 'overdue',
    text: `SELECT id::text, expires_at FROM batch
     WHERE expires_at <= $2 AND NOT ended AND NOT quarantined AND shard = ANY ($1::smallint[])
       AND expires_at >= $4 AND (expires_at, batch.id) > ($4, $5::bigint)
     ORDER BY expires_at, batch.id LIMIT $3`,
    values: [integers(shards), now, limit, after?.expiresAt ?? 0, after?.batchId ?? 0],
  });
  return rows.map(({ id, expires_at: expiresAt }) => ({ batchId: id, expiresAt }));
}
