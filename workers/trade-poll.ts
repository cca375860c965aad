/**
 * Poll worker: asks every account's platform at the preset frequency for the member's trades. Path B. (T9, c15, ¶87)
 *
 * A schedule per account in a queue per platform says when; Postgres says whom and from where on. The sweep makes
 * schedules where polls do not come, whatever the reason; a schedule whose account is gone ends itself.
 */
import type { OutsideMeter } from '../engine/bank/meter.ts';
import {
  circuitOpenMsMin,
  platformPauseMsMax,
  pollConcurrency,
  pollLateIntervals,
} from '../engine/limits.ts';
import type { Observer } from '../engine/ports/observer.ts';
import type { TradePolls } from '../engine/ports/trade-polls.ts';
import type { PlatformConfig } from '../engine/trade-http/config.ts';
import type { TradePlatforms } from '../engine/trade-http/platforms.ts';
import type { DuePoll, PollQueue, PollQueues, PollTurn } from '../engine/trade-queue/port.ts';
import { AccountPoller, type PollOutcome } from './trade-poll-account.ts';
import type { PollMeter } from './trade-poll-metrics.ts';
import { PolledNotes } from './trade-poll-notes.ts';
import { startPollSweep } from './trade-poll-sweep.ts';

export interface PollWorkerDeps {
  readonly configs: readonly PlatformConfig[];
  readonly platforms: TradePlatforms;
  readonly polls: TradePolls;
  readonly queues: PollQueues;
  readonly observer: Observer;
  readonly meter: PollMeter;
  readonly calls: OutsideMeter;
  readonly now: () => number;
  /** Between two sweeps; default: the limit. */
  readonly sweepMs?: number;
  /** Shorter than the configuration allows; for tests. */
  readonly intervalMs?: number;
}

export interface PollWorker {
  /** Stops taking new polls and waits for those under way. */
  close(): Promise<void>;
}

export async function startPollWorker(deps: PollWorkerDeps): Promise<PollWorker> {
  const notes = new PolledNotes(deps.polls, deps.observer);
  const polled = deps.configs.filter(({ paths }) => paths.includes('poll'));
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    await Promise.all(closers.map((end) => end()));
    await notes.close();
  };
  try {
    for (const config of polled) closers.push(await startPlatform(deps, config, notes));
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** @returns its end */
async function startPlatform(
  deps: PollWorkerDeps,
  config: PlatformConfig,
  notes: PolledNotes,
): Promise<() => Promise<void>> {
  const { polls, queues, meter, now } = deps;
  const { name, pollIntervalSeconds, requestsPerSecond: perSecond } = config;
  const intervalMs = deps.intervalMs ?? pollIntervalSeconds * 1_000;
  const platform = deps.platforms.get(name);
  if (platform === undefined) throw new Error(`no adapter for platform ${name}`);
  const poller = new AccountPoller({ platform, polls, intervalMs, meter: deps.calls, now });
  const queue = await queues.open({ platform: name, intervalMs, perSecond });

  const handle = async ({ id, dueAt }: DuePoll): Promise<PollTurn> => {
    const lagMs = now() - dueAt;
    const startedAt = performance.now();
    let result: PollOutcome['code'] | 'failed' = 'failed';
    try {
      const outcome = await poller.poll(id);
      result = outcome.code;
      if (outcome.code === 'polled') {
        meter.received(name, outcome.trades);
        if (outcome.isDone) notes.add(id);
      }
      return await follow(queue, id, outcome);
    } finally {
      meter.polled(name, result, lagMs, performance.now() - startedAt);
    }
  };
  const consumer = await queue.consume(handle, { concurrency: pollConcurrency });
  const stopSweep = startPollSweep({
    ...deps,
    queue,
    platform: name,
    lateMs: pollLateIntervals * intervalMs,
  });
  return async () => {
    await stopSweep();
    await consumer.close();
    await queue.close();
  };
}

/** What a poll's outcome means for its schedule and for its platform. */
async function follow(queue: PollQueue, id: string, outcome: PollOutcome): Promise<PollTurn> {
  switch (outcome.code) {
    case 'gone':
    case 'wrong_secret':
      await queue.unschedule(id);
      return { code: 'done' };
    case 'circuit_open':
      return { code: 'later', restMs: circuitOpenMsMin };
    case 'unavailable': {
      const { retryAfterMs } = outcome;
      if (retryAfterMs === undefined) return { code: 'done' };
      // The account rests for as long as it was told; the others find out for themselves a little later.
      return { code: 'rest', restMs: Math.min(retryAfterMs, platformPauseMsMax) };
    }
    case 'polled':
    case 'stale':
    case 'resting':
      return { code: 'done' };
  }
}
