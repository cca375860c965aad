/** Starts what is measured: the limit, ours over each journal, and the peers. */
import { startRedis } from '../../test/setup/redis.ts';
import type { LoadBatch } from '../load/protocol.ts';
import { Cleanup } from '../support/cleanup.ts';
import { type Load, startHelperServer } from './children.ts';
import { startOurs } from './ours.ts';
import { type PeerKind, type PeerOptions, startPeer } from './peer.ts';
import { startPostgres } from './postgres.ts';
import { benchRedisSettings, type Target } from './target.ts';

export const bareName = 'bare Hono';
/** Keys are as long as real ones. */
const constantBatch: LoadBatch = { id: '1', key: 'x'.repeat(22) };

/** Of the choice between two ways to run a peer. */
const trialSeconds = 2;
const trialConnections = 256;
const trialPackets = 100_000;

/** @param wanted says for each name whether it is measured */
export async function startTargets(
  secret: string,
  load: Load,
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
    targets.push(await startOnePeer(kind, secret, load, cleanup));
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

async function startOnePeer(
  kind: PeerKind,
  secret: string,
  load: Load,
  cleanup: Cleanup,
): Promise<Target> {
  const postgres = await startPostgres(cleanup);
  const options = { kind, secret, databaseUrl: postgres.url, postgresPid: postgres.pid };
  if (kind === 'pg-row-lock') return startPeer(options, cleanup);
  const redis = await startRedis(benchRedisSettings);
  cleanup.add(() => redis.remove());
  const withRedis = { ...options, redis: { url: redis.url, pid: redis.pid ?? 0 } };
  if (kind !== 'redis-lua') return startPeer(withRedis, cleanup);
  const autoPipelining = await isFaster(
    { ...withRedis, autoPipelining: true },
    { ...withRedis, autoPipelining: false },
    load,
  );
  return startPeer({ ...withRedis, autoPipelining }, cleanup);
}

/** Runs one after the other for a moment: is the first one faster? */
async function isFaster(first: PeerOptions, second: PeerOptions, load: Load): Promise<boolean> {
  const rates: number[] = [];
  for (const options of [first, second]) {
    const cleanup = new Cleanup();
    try {
      const peer = await startPeer(options, cleanup);
      let rate = 0;
      // The first round warms up.
      for (let round = 0; round < 2; round += 1) {
        const batches = await peer.makeBatches(2, trialPackets);
        const limit = { seconds: trialSeconds };
        const traffic = { kind: 'claims', batches } as const;
        const result = await load.run({
          url: peer.url,
          connections: trialConnections,
          traffic,
          limit,
        });
        rate = result.requests / result.seconds;
      }
      rates.push(rate);
    } finally {
      await cleanup.run();
    }
  }
  return (rates[0] ?? 0) > (rates[1] ?? 0);
}
