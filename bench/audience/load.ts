/** The load of a batch with a large audience: how long, and for how long the thread stops. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { silentObserver } from '../../engine/ports/observer.ts';
import { postgresStore } from '../../engine/store/postgres.ts';

export interface AudienceLoad {
  readonly receivers: number;
  readonly ms: number;
  readonly stopMs: number;
}

const resolutionMs = 1;

export async function loadAudience(url: string, batchId: string): Promise<AudienceLoad> {
  const store = await postgresStore({ url, observer: silentObserver, poolMax: 2 });
  try {
    // Statements are prepared and code is compiled by then, as in a thread that has served for a while.
    await store.load(batchId);
    const delay = monitorEventLoopDelay({ resolution: resolutionMs });
    delay.enable();
    const startedAt = performance.now();
    const loaded = await store.load(batchId);
    const ms = performance.now() - startedAt;
    await new Promise((resolve) => setTimeout(resolve, 20 * resolutionMs));
    delay.disable();
    if (loaded.kind !== 'active') throw new Error(`batch ${batchId} is ${loaded.kind}`);
    const stopMs = Math.max(0, delay.max / 1e6 - resolutionMs);
    return { receivers: loaded.state.listed.size, ms, stopMs };
  } finally {
    await store.close();
  }
}
