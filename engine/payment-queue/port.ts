/**
 * Word that a withdrawal has something to be done outside: a code to send, a payout to drive. (E17 ¶208, ¶213)
 *
 * Only a wake-up call. What is due stands in Postgres and is swept up from there, so a lost word costs a sweep, and a
 * doubled one nothing.
 */
import type { Consumer } from '../ports/journal.ts';

export const wakeUpKinds = ['code', 'payout'] as const;
export type WakeUpKind = (typeof wakeUpKinds)[number];

export interface WakeUp {
  readonly kind: WakeUpKind;
  /** Of the withdrawal. */
  readonly id: string;
}

export interface WakeUps {
  /** One that still waits is not added twice; codes come before payouts. Rejects soon when the queue is away. */
  add(wakeUp: WakeUp): Promise<void>;
  /** A handler that rejects has done its best: the sweep comes again. */
  consume(
    handler: (wakeUp: WakeUp) => Promise<void>,
    options: { readonly concurrency: number },
  ): Promise<Consumer>;
  /** Jobs in the queue in any state. */
  depth(): Promise<number>;
  close(): Promise<void>;
}

/** BullMQ allows no colon. */
export function jobIdOf({ kind, id }: WakeUp): string {
  return `${kind}-${id}`;
}

export function wakeUpOf(jobId: string): WakeUp | undefined {
  const kind = wakeUpKinds.find((candidate) => jobId.startsWith(`${candidate}-`));
  return kind === undefined ? undefined : { kind, id: jobId.slice(kind.length + 1) };
}
