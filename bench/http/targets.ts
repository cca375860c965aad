/** Starts what is measured: the limit, ours over each journal, and the peers. */
import { startRedis } from '../../test/setup/redis.ts';
import type { LoadBatch } from '../load/protocol.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { startHelperServer } from './children.ts';
import { startOurs } from './ours.ts';
import { type PeerKind, startPeer } from './peer.ts';
import { startPostgres } from './postgres.ts';
import type { Target } from './target.ts';

export const bareName = 'bare Hono';
/** Keys are as long as real ones. */
const constantBatch: LoadBatch = { id: '1', key: 'x'.repeat(22) };

/** @param wanted says for each name whether it is measured */
export async function startTargets(
  secret: string,
  withRedis: boolean,
  wanted: (name: string) => boolean,
  cleanup: Cleanup,
): Promise<Target[]> {
  const targets: Target[] = [await startBare(cleanup)];
  if (withRedis && wanted('ours-redis')) targets.push(await startOurs(secret, 'Redis', cleanup));
  if (wanted('ours-embedded')) targets.push(await startOurs(secret, 'embedded', cleanup));
  const kinds: PeerKind[] = withRedis
    ? ['redis-lua', 'pg-row-lock', 'bullmq-per-claim']
    : ['pg-row-lock'];
  for (const kind of kinds.filter(wanted)) {
    targets.push(await startOnePeer(kind, secret, cleanup));
  }
  return targets;
}

async function startBare(cleanup: Cleanup): Promise<Target> {
  const { url, pid } = await startHelperServer('http/bare.ts', {}, cleanup);
  return {
    name: bareName,
    kind: 'limit',
    url,
    answerPids: [pid],
    restPids: [],
    makeBatches: (batches) => Promise.resolve(Array.from({ length: batches }, () => constantBatch)),
  };
}

async function startOnePeer(kind: PeerKind, secret: string, cleanup: Cleanup): Promise<Target> {
  const postgres = await startPostgres(cleanup);
  const options = { kind, secret, databaseUrl: postgres.url, postgresPid: postgres.pid };
  if (kind === 'pg-row-lock') return startPeer(options, cleanup);
  const redis = await startRedis();
  cleanup.add(() => redis.remove());
  const autoPipelining = kind === 'redis-lua';
  const withIt = { ...options, redis: { url: redis.url, pid: redis.pid ?? 0 }, autoPipelining };
  return startPeer(withIt, cleanup);
}
