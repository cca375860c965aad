/** Makes schedules for accounts whose polls do not come: new ones, and those whose schedule the queue has lost. (T9) */
import { pollScheduleWidth, pollSweepMax, pollSweepMs } from '../engine/limits.ts';
import type { Observer } from '../engine/ports/observer.ts';
import type { TradePolls } from '../engine/ports/trade-polls.ts';
import type { PollQueue } from '../engine/trade-queue/port.ts';
import type { PollMeter } from './trade-poll-metrics.ts';

export interface PollSweepDeps {
  readonly platform: string;
  readonly queue: PollQueue;
  readonly polls: TradePolls;
  readonly observer: Observer;
  readonly meter: PollMeter;
  readonly now: () => number;
  /** An account is late when it was not polled for so long. */
  readonly lateMs: number;
  readonly sweepMs?: number;
}

/** @returns stops it, and waits for the sweep under way */
export function startPollSweep(deps: PollSweepDeps): () => Promise<void> {
  const { observer, platform, sweepMs = pollSweepMs } = deps;
  // A schedule that was just made gets its time to work: making it again would put its poll behind all that wait.
  const made = new Map<string, number>();
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const next = (delayMs: number) => {
    if (closing) return;
    timer = setTimeout(() => {
      sweeping = sweep(deps, made, () => closing)
        .catch((error: unknown) => {
          observer.log('warn', 'polls could not be scheduled', { platform, error: String(error) });
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
  { polls, queue, platform, meter, now, lateMs }: PollSweepDeps,
  made: Map<string, number>,
  isClosing: () => boolean,
): Promise<void> {
  const before = now() - lateMs;
  for (const [id, at] of made) {
    // In the order they were made; a clock that was set back forgets them, too.
    if (Math.abs(now() - at) < 2 * lateMs) break;
    made.delete(id);
  }
  let after: string | undefined;
  let late = 0;
  while (!isClosing()) {
    const ids = await polls.overdue(platform, before, after, pollSweepMax);
    const unscheduled = ids.filter((id) => !made.has(id));
    late += ids.length - unscheduled.length;
    for (let start = 0; start < unscheduled.length && !isClosing(); start += pollScheduleWidth) {
      const part = unscheduled.slice(start, start + pollScheduleWidth);
      await Promise.all(part.map((id) => queue.schedule(id)));
      for (const id of part) made.set(id, now());
      meter.scheduled(platform, part.length);
    }
    after = ids.at(-1);
    if (ids.length < pollSweepMax) break;
  }
  meter.late(platform, late);
}
