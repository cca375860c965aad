/**
 * When which account is polled: one schedule per account, in a queue per platform, so that a platform which is slow or
 * asks for rest keeps nobody else waiting. (T9, c15, ¶87) Whom to poll stands in Postgres; a schedule that is lost is
 * made again from there, and one too many ends itself.
 */
import type { Consumer } from '../ports/journal.ts';

export interface PollSettings {
  readonly platform: string;
  /** The preset frequency. */
  readonly intervalMs: number;
  /** Polls begun, over all workers. */
  readonly perSecond: number;
}

export interface DuePoll {
  /** Of the account. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
}

/** `later`: the poll goes back into the queue, and the platform's whole queue rests first. */
export type PollTurn =
  | { readonly code: 'done' }
  | { readonly code: 'rest'; readonly restMs: number }
  | { readonly code: 'later'; readonly restMs: number };

export interface PollQueue {
  /** From now on, until unschedule(); again for one that is scheduled changes nothing. */
  schedule(id: string): Promise<void>;
  unschedule(id: string): Promise<void>;
  /** What a handler throws is a poll that failed; the next one comes when it is due. */
  consume(
    handler: (poll: DuePoll) => Promise<PollTurn>,
    options: { readonly concurrency: number },
  ): Promise<Consumer>;
  close(): Promise<void>;
}

export interface PollQueues {
  open(settings: PollSettings): Promise<PollQueue>;
  /** Together with all that were opened. */
  close(): Promise<void>;
}

const two32 = 2 ** 32;
/** 2³² divided by the golden ratio: multiples of it are spread evenly, however many there are. */
const golden = 2_654_435_769;

/** Where in the interval an account is polled; always the same, and neighbours are far apart. */
export function offsetOf(id: string, intervalMs: number): number {
  const turn = Math.imul(Number(BigInt(id) % BigInt(two32)), golden) >>> 0;
  return Math.floor((turn / two32) * intervalMs);
}
