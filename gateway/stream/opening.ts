/** How a stream begins: where it goes on from, and the bytes that tell the client so. */
import type { Clock } from '../../engine/ports/clock.ts';
import type { Listening } from '../../engine/push/port.ts';
import type { GoesOn } from '../answer.ts';
import { openedEvent, resetEvent, retryLine } from './events.ts';

export interface StreamRequest {
  readonly userId: string;
  readonly expiresAt: number;
  /** The last number the client has; undefined: it begins now. */
  readonly after: number | undefined;
}

export type Opening =
  | { readonly code: 'opened'; readonly head: string; readonly goesOn: GoesOn }
  /**
   * The process, the user, or nobody any more may have another stream; a transaction goes on that may overlook it; or it
   * took too long.
   */
  | {
      readonly code: 'overloaded' | 'too_many_streams' | 'not_ready' | 'stream_delayed' | 'unknown';
    };

export interface Beginning {
  /** The client has everything up to this number, or was told that it has to read its pages. */
  readonly from: number;
  readonly isReset: boolean;
}

/** @param after the last number that the client has; undefined: it begins with what comes from now on */
export function beginningOf(after: number | undefined, listening: Listening): Beginning {
  const { newest, purged } = listening;
  if (after === undefined) return { from: newest, isReset: false };
  // One above the newest was given to nobody: it is another system's, or the database is an older one.
  const isKept = after >= purged && after <= newest;
  return isKept ? { from: after, isReset: false } : { from: newest, isReset: true };
}

/** Opening bytes: the client then knows that it is connected, and what to resume from. */
export function headOf({ from, isReset }: Beginning, newest: number, retryMs: number): string {
  const opened = retryLine(retryMs) + openedEvent(from, newest);
  return isReset ? opened + resetEvent(from) : opened;
}

/** Undefined when it takes longer. */
export function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => resolve(undefined));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
