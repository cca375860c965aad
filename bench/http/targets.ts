/** Starts what is measured: the limit, ours over each journal, and the peers. */
import type { LoadBatch } from '../load/protocol.ts';
import { Cleanup } from '../support/cleanup.ts';
import { whole } from '../support/table.ts';
import { type Load, startHelperServer } from './children.ts';
import { startOurs } from './ours.ts';
import { type PeerKind, type PeerOptions, startPeer } from './peer.ts';
import { startPostgres } from './postgres.ts';
import { startBenchRedis } from './redis.ts';
import type { Target } from './target.ts';

export const bareName = 'bare Hono';
/** Keys are as long as real ones. */
const constantBatch: LoadBatch = { id: '1', key: 'x'.repeat(22) };

/** Of the choice between two ways to run a peer. */
const trialSeconds = 2;
/** The first one warms up. */
const trialRounds = 3;
const trialConnections = 256;
const trialPackets = 100_000;

/** @param wanted says for each name whether it is measured */
export async function startTargets(
  secret: string,
  load: Load,
  withRedis: boolean,
  wanted: (name: string) => boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<Target[]> {
  const targets: Target[] = [await startBare(cleanup)];
  if (withRedis && wanted('ours-redis')) targets.push(await startOurs(secret, 'Redis', cleanup));
  if (wanted('ours-embedded')) targets.push(await startOurs(secret, 'embedded', cleanup));
  const kinds: PeerKind[] = withRedis
    ? ['redis-lua', 'pg-row-lock', 'bullmq-per-claim']
    : ['pg-row-lock'];
  for (const kind of kinds.filter(wanted)) {
    targets.push(await startOnePeer(kind, secret, load, cleanup, print));
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
  print: (line: string) => void,
): Promise<Target> {
  const postgres = await startPostgres(cleanup);
  const options = { kind, secret, databaseUrl: postgres.url, postgresPid: postgres.pid };
  if (kind === 'pg-row-lock') return startPeer(options, cleanup);
  const withRedis = { ...options, redis: await startBenchRedis(cleanup) };
  if (kind !== 'redis-lua') return startPeer(withRedis, cleanup);
  const autoPipelining = await isFaster(
    { ...withRedis, autoPipelining: true },
    { ...withRedis, autoPipelining: false },
    load,
    cleanup,
    print,
  );
  return startPeer({ ...withRedis, autoPipelining }, cleanup);
}

/** Runs one after the other for a moment: is the first one faster? */
async function isFaster(
  first: PeerOptions,
  second: PeerOptions,
  load: Load,
  outer: Cleanup,
  print: (line: string) => void,
): Promise<boolean> {
  const best: number[] = [];
  for (const options of [first, second]) {
    const cleanup = new Cleanup();
    outer.add(() => cleanup.run());
    try {
      const peer = await startPeer(options, cleanup);
      const rates: number[] = [];
      for (let round = 0; round < trialRounds; round += 1) {
        const batches = await peer.makeBatches(2, trialPackets);
        const limit = { seconds: trialSeconds };
        const traffic = { kind: 'claims', batches } as const;
        const order = { url: peer.url, connections: trialConnections, traffic, limit };
        const result = await load.run(order);
        rates.push(result.requests / result.seconds);
      }
      best.push(Math.max(...rates));
      print(`trial: ${peer.name}: ${whole(Math.max(...rates))}/s`);
    } finally {
      await cleanup.run();
    }
  }
  return (best[0] ?? 0) > (best[1] ?? 0);
}
