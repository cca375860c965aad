/**
 * Mapping worker: tells platforms whose trades to push, and whose no longer. Path A. (T8, c14, ¶86)
 *
 * Postgres says what is due and what came of it (engine/trade-intake/mappings.ts), so a worker may be killed anywhere and
 * several may run; what a platform did not hear it is told again, later each time, for as long as it takes. Each platform
 * is told by itself, so that one that is slow or down holds up no other.
 */
import { mappingSweepMax, mappingSweepMs } from '../engine/limits.ts';
import type { Observer } from '../engine/ports/observer.ts';
import type { TradePlatforms } from '../engine/trade-http/platforms.ts';
import type { DueMapping, TradeMappings } from '../engine/trade-intake/mappings.ts';

export interface MappingWorkerDeps {
  readonly mappings: TradeMappings;
  readonly platforms: Pick<TradePlatforms, 'list' | 'get'>;
  readonly observer: Observer;
  /** Between two sweeps; default: the limit. */
  readonly sweepMs?: number;
}

/** @returns stops it, and waits for what is under way */
export function startMappingWorker(deps: MappingWorkerDeps): () => Promise<void> {
  const pushing = deps.platforms.list.filter(({ paths }) => paths.includes('push'));
  const stops = pushing.map(({ name }) => startOne(deps, name));
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}

function startOne(deps: MappingWorkerDeps, platform: string): () => Promise<void> {
  const { observer, sweepMs = mappingSweepMs } = deps;
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const next = (delayMs: number) => {
    if (closing) return;
    timer = setTimeout(() => {
      sweeping = sweep(deps, platform, () => closing)
        .catch((error: unknown) => {
          observer.log('warn', 'mappings could not be told', { platform, error: String(error) });
        })
        .then(() => next(sweepMs));
    }, delayMs);
  };
  next(0);
  return async () => {
    closing = true;
    clearTimeout(timer);
    await sweeping;
  };
}

async function sweep(
  deps: MappingWorkerDeps,
  platform: string,
  isClosing: () => boolean,
): Promise<void> {
  while (!isClosing()) {
    const due = await deps.mappings.claim(platform, mappingSweepMax);
    const told = await Promise.allSettled(due.map((mapping) => tell(deps, mapping)));
    const failed = told.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
    if (due.length < mappingSweepMax) return;
  }
}

async function tell({ mappings, platforms }: MappingWorkerDeps, mapping: DueMapping) {
  const { platform, account, userId, wanted } = mapping;
  const isTold = (await platforms.get(platform)?.register(account, userId, wanted)) ?? false;
  await mappings.settle(mapping, isTold);
}
