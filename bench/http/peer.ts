/** The peers: each a server process, where it has one a drain process, and books of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { checkLedger, claimsInLedger } from '../peers/audit.ts';
import type { LoadBatch } from '../load/protocol.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { ApiClient, expectStatus } from '../support/client.ts';
import { eachOf } from '../support/pool.ts';
import { startHelper, startHelperServer } from './children.ts';
import { meanAmount, type Target } from './target.ts';

export const peerNames = {
  'redis-lua': 'peer Redis-Lua',
  'pg-row-lock': 'peer PostgreSQL row lock',
  'bullmq-per-claim': 'peer BullMQ per claim',
} as const;
export type PeerKind = keyof typeof peerNames;

const drains = { 'redis-lua': 'redis-lua-drain', 'bullmq-per-claim': 'bullmq-drain' } as const;

export interface PeerOptions {
  readonly kind: PeerKind;
  readonly secret: string;
  /** An empty database of its own. */
  readonly databaseUrl: string;
  readonly postgresPid: number;
  /** A Redis of its own; the row lock needs none. */
  readonly redis?: { readonly url: string; readonly pid: number };
  readonly autoPipelining?: boolean;
}

const width = 16;
const pendingMs = 300_000;
const pendingPollMs = 20;

export async function startPeer(options: PeerOptions, cleanup: Cleanup): Promise<Target> {
  const { kind, secret, databaseUrl, postgresPid, redis, autoPipelining = false } = options;
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis?.url ?? '',
    AUTH_SECRET: secret,
    AUTO_PIPELINING: String(autoPipelining),
    NODE_ENV: 'production',
  };
  const server = await startHelperServer(`peers/${kind}.ts`, env, cleanup);
  const drain =
    kind === 'pg-row-lock' ? undefined : startHelper(`peers/${drains[kind]}.ts`, env, cleanup);
  const client = new ApiClient(server.url, width);
  cleanup.add(() => Promise.resolve(client.close()));
  const pool = new Pool({ connectionString: databaseUrl, max: 1 });
  pool.on('error', () => undefined);
  cleanup.add(() => pool.end());
  const pending = countPending(kind, redis?.url, cleanup);

  return {
    name: `${peerNames[kind]}${autoPipelining ? ', auto-pipelining' : ''}`,
    kind: 'peer',
    url: server.url,
    answerPids: [server.pid, redis?.pid ?? postgresPid],
    slow: kind === 'pg-row-lock',
    restPids: drain === undefined ? [] : [drain.pid, postgresPid],
    async makeBatches(batches, packets) {
      const made: LoadBatch[] = [];
      const places = Array.from({ length: batches }, (_, i) => i);
      const body = { mode: 'lucky', count: packets, total: packets * meanAmount };
      await eachOf(places, width, async (place) => {
        const call = client.call('POST', '/v1/batches', { body });
        const { id, key } = await expectStatus('/v1/batches', call, 201);
        made[place] = { id: String(id), key: String(key) };
      });
      return made;
    },
    books: {
      claims: () => claimsInLedger(pool),
      async check() {
        const until = performance.now() + pendingMs;
        let left = await pending();
        while (left > 0 && performance.now() < until) {
          await sleep(pendingPollMs);
          left = await pending();
        }
        return [...(left > 0 ? [`${left} records pending`] : []), ...(await checkLedger(pool))];
      },
    },
  };
}

/** How much the drain has still to do. */
function countPending(
  kind: PeerKind,
  redisUrl: string | undefined,
  cleanup: Cleanup,
): () => Promise<number> {
  if (redisUrl === undefined || kind === 'pg-row-lock') return () => Promise.resolve(0);
  if (kind === 'redis-lua') {
    const redis = new Redis(redisUrl);
    cleanup.add(() => Promise.resolve(redis.disconnect()));
    return () => redis.llen('records');
  }
  const queue = new Queue('claims', { connection: { url: redisUrl } });
  cleanup.add(() => queue.close());
  return async () => {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  };
}
