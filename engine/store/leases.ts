/** The `Leases` port on Postgres; its clock is the only one that counts, so nodes need not agree on the time. */
import type { LeaseView, Leases, NodeView } from '../ports/leases.ts';
import { integers } from './arrays.ts';
import { openPool, type PoolOptions } from './pool.ts';
import type { Connection } from './statements.ts';

interface ViewRow {
  readonly nodes: readonly NodeView[];
  readonly holders: readonly (string | null)[];
}

export interface OpenLeases extends Leases {
  close(): Promise<void>;
}

/** @throws UnsafeServer like the store */
export async function postgresLeases(
  options: Omit<PoolOptions, 'applicationName'>,
): Promise<OpenLeases> {
  const pool = await openPool({ ...options, poolMax: 1, applicationName: 'hongbao-leases' });
  const connection: Connection = pool;
  return {
    close: () => pool.end(),
    async beat({ id, url, incarnation }, ttlMs, first) {
      const { rows } = await connection.query({
        name: 'lease-beat',
        text: `WITH alive AS (
            INSERT INTO node (id, url, incarnation, until) VALUES ($1, $2, $3, now() + $4 * interval '1 ms')
            ON CONFLICT (id) DO UPDATE
              SET url = excluded.url, incarnation = excluded.incarnation, until = excluded.until
              WHERE $5::bool OR node.incarnation = excluded.incarnation OR node.until < now()
            RETURNING id),
          renewed AS (
            UPDATE lease SET until = now() + $4 * interval '1 ms' FROM alive WHERE lease.node = alive.id)
          SELECT FROM alive`,
        values: [id, url, incarnation, ttlMs, first],
      });
      return rows.length === 0 ? undefined : view(connection);
    },

    async acquire(nodeId, limit, ttlMs) {
      const { rows } = await connection.query<{ shard: number }>({
        name: 'lease-acquire',
        text: `WITH free AS (
            SELECT shard FROM lease WHERE node IS NULL OR until < now()
            ORDER BY shard LIMIT $2 FOR UPDATE SKIP LOCKED)
          UPDATE lease SET node = $1, until = now() + $3 * interval '1 ms'
          FROM free WHERE lease.shard = free.shard RETURNING lease.shard`,
        values: [nodeId, limit, ttlMs],
      });
      return rows.map(({ shard }) => shard);
    },

    async release(nodeId, shards) {
      await connection.query(
        'UPDATE lease SET node = NULL WHERE node = $1 AND shard = ANY ($2::smallint[])',
        [nodeId, integers(shards)],
      );
    },

    async leave({ id, incarnation }) {
      await connection.query(
        `WITH other AS (SELECT FROM node WHERE id = $1 AND incarnation <> $2 AND until >= now()),
          gone AS (DELETE FROM node WHERE id = $1 AND NOT EXISTS (SELECT FROM other))
        UPDATE lease SET node = NULL WHERE node = $1 AND NOT EXISTS (SELECT FROM other)`,
        [id, incarnation],
      );
    },
  };
}

async function view(connection: Connection): Promise<LeaseView> {
  const { rows } = await connection.query<ViewRow>({
    name: 'lease-view',
    text: `SELECT
        (SELECT json_agg(json_build_object('id', id, 'url', url) ORDER BY id) FROM node WHERE until >= now()) AS nodes,
        (SELECT array_agg(CASE WHEN until >= now() THEN node END ORDER BY shard) FROM lease) AS holders`,
  });
  const [row] = rows;
  return {
    nodes: row?.nodes ?? [],
    holders: (row?.holders ?? []).map((holder) => holder ?? undefined),
  };
}
