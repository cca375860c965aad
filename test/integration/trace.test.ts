import { afterEach, describe, expect, test, type TestContext, vi } from 'vitest';
import { Cleanup } from '../../bench/support/cleanup.ts';
import { lies } from '../trace/doctored.ts';
import { checkOrder } from '../trace/order.ts';
import { openScene, type JournalKind, type Scene } from '../trace/scene.ts';
import { NoTrace } from '../trace/strace.ts';

// `kill -9` proves no fsync, because the page cache survives it; system calls do.

// Servers start slowly on a busy machine, and their own errors say more than a timeout.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const claims = 3;
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Where nothing can be traced the test says why and is skipped; continuous integration must be able to. */
async function tracing<T>(context: TestContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NoTrace && process.env['CI'] !== 'true') context.skip(error.message);
    throw error;
  }
}

async function reasons(scene: Scene): Promise<string[]> {
  const traced = await scene.trace(claims);
  return traced.claims.map((claim) => {
    const verdict = checkOrder(traced.trace, claim, scene.processes);
    return verdict.ok ? 'ok' : verdict.reason;
  });
}

describe.each<JournalKind>(['embedded PostgreSQL', 'Redis'])('journal: %s', (journal) => {
  test('the disk has a claim before its client is told', async (context) => {
    await tracing(context, async () => {
      const scene = await openScene(journal, cleanup);
      const { trace, claims: traced } = await scene.trace(claims);
      expect(traced).toHaveLength(claims);
      for (const claim of traced) {
        expect(checkOrder(trace, claim, scene.processes)).toMatchObject({ ok: true });
        for (const [lie, tell] of Object.entries(lies)) {
          const { ok } = checkOrder(tell(trace), claim, scene.processes);
          expect([lie, ok]).toEqual([lie, false]);
        }
      }
    });
  });
});

test('a Redis that syncs once a second, set behind our back, is noticed', async (context) => {
  await tracing(context, async () => {
    const scene = await openScene('Redis', cleanup);
    await scene.redis?.config('appendfsync', 'everysec');
    // The sync of the second may fall right into the gap of one claim, not of all.
    expect(await reasons(scene)).toContain('the log was not synced before the journal replied');
  });
});
