/** What is measured side by side: the limit and ours over each journal, behind one interface. */
import { startRedis } from '../../test/setup/redis.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { startBare } from './children.ts';
import type { LoadBatch, LoadResult } from './load-protocol.ts';
import { startOurs, type Settled } from './ours.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
  /** All server processes, the journal's too. */
  pids(): Promise<number[]>;
  makeBatches(count: number): Promise<LoadBatch[]>;
  /** Undefined where nothing is kept. */
  settle?(batches: readonly LoadBatch[], result: LoadResult): Promise<Settled>;
}

export const bareName = 'bare Hono';
/** Keys are as long as real ones. */
const constantBatch: LoadBatch = { id: '1', key: 'x'.repeat(22) };

export async function startTargets(
  secret: string,
  receivers: number,
  withRedis: boolean,
  cleanup: Cleanup,
): Promise<Target[]> {
  const bare = await startBare(cleanup);
  const targets: Target[] = [
    {
      name: bareName,
      url: bare.url,
      pids: () => Promise.resolve([bare.pid]),
      makeBatches: (count) => Promise.resolve(Array.from({ length: count }, () => constantBatch)),
    },
  ];
  if (withRedis) {
    const redis = await startRedis();
    cleanup.add(() => redis.remove());
    const ours = await startOurs(secret, receivers, redis.url, cleanup);
    const pids = async () => [...(await ours.pids()), redis.pid ?? 0];
    targets.push({ ...ours, name: 'ours, Redis journal', pids });
  }
  const embedded = await startOurs(secret, receivers, undefined, cleanup);
  targets.push({ ...embedded, name: 'ours, embedded journal' });
  return targets;
}
