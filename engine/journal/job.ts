/** What a job of the journal looks like to BullMQ, the same on both backends. */
import type { JobsOptions } from 'bullmq';
import { payloadCharsMax, settleBackoffMsMax } from '../limits.ts';
import { type JobId, JournalRefusal, parseJobId } from '../ports/journal.ts';

/** Name that all our jobs carry. */
export const jobName = 'flush';

/** Largest that both backends keep exactly (PostgreSQL has an int4 column for it). */
export const attemptsMax = 2 ** 31 - 1;

const backoffMsMin = 50;

/**
 * Never given up, never kept when done, always kept when failed.
 *
 * Only the newest stack trace is stored: BullMQ's default keeps one per attempt, without a bound.
 */
export const jobOptions: JobsOptions = {
  attempts: attemptsMax,
  backoff: { type: 'capped' },
  removeOnComplete: true,
  removeOnFail: false,
  stackTraceLimit: 1,
};

/** Events are for watching only; BullMQ trims in chunks, so this is approximate. */
export const eventsKeptMax = 100;

/**
 * Times in milliseconds. A job of a killed worker comes back after at most
 * lockDuration + stalledInterval = 9 s. Locks are renewed every 0.5 to 1 s, so an event loop that
 * stands still for 6 s loses none; if one is lost, the job runs twice, which settling allows.
 */
export const workerTimes = {
  lockDuration: 7_000,
  lockRenewTime: 1_000,
  stalledInterval: 2_000,
  /** After a broken connection; BullMQ's own 15 s would stop settling that long. */
  runRetryDelay: 500,
} as const;

/** Seconds (BullMQ's unit here) of one wait for work; a wake-up lost with a connection costs it. */
export const idleWaitSeconds = 2;

/** Milliseconds before attempt `attempt` + 1. */
export function backoffMs(attempt: number): number {
  return Math.min(settleBackoffMsMax, backoffMsMin * 2 ** Math.min(attempt - 1, 20));
}

/**
 * @throws JournalRefusal for what no store would keep; nothing was sent then
 */
export function checkJob(id: JobId, payload: string): void {
  if (parseJobId(id) === undefined) {
    throw new JournalRefusal(`not a job id: ${JSON.stringify(String(id).slice(0, 64))}`);
  }
  if (payload.length > payloadCharsMax) {
    throw new JournalRefusal(`payload of ${payload.length} characters, limit ${payloadCharsMax}`);
  }
}
