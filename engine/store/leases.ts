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
    async beat({ id, url }, ttlMs) {
      await connection.query({
        name: 'lease-beat',
        text: `WITH alive AS (
            INSERT INTO node (id, url, until) VALUES ($1, $2, now() + $3 * interval '1 ms')
            ON CONFLICT (id) DO UPDATE SET url = excluded.url, until = excluded.until)
          UPDATE lease SET until = now() + $3 * interval '1 ms' WHERE node = $1`,
        values: [id, url, ttlMs],
      });
      return view(connection);
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

    async leave(nodeId) {
      await connection.query(
        `WITH gone AS (DELETE FROM node WHERE id = $1) UPDATE lease SET node = NULL WHERE node = $1`,
        [nodeId],
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
