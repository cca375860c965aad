/** A Redis of one target's own, durable as the journal must be. */
import { startRedis, type TestRedis } from '../../test/setup/redis.ts';
import type { Cleanup } from '../support/cleanup.ts';

/** No rewrite of the log starts in the middle of somebody's round. */
const settings = { 'auto-aof-rewrite-percentage': '0' };

export async function startBenchRedis(
  cleanup: Cleanup,
): Promise<{ readonly url: string; readonly pid: number }> {
  const starting: Promise<TestRedis> = startRedis(settings);
  // An interrupted start has to come to its end before there is anything to remove.
  cleanup.add(async () => (await starting).remove());
  const { url, pid } = await starting;
  return { url, pid: pid ?? 0 };
}
