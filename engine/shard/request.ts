/** A command on its way to an actor, and the answer it gets. */
import type { AudienceOutcome, ClaimOutcome, OpenOutcome, Unavailable } from '../api.ts';
import type { Command } from '../core/command.ts';

/** `not_due`: the sweep was early; nobody outside sees it. */
export type Outcome = ClaimOutcome | OpenOutcome | AudienceOutcome | { readonly code: 'not_due' };

export interface Request {
  readonly batchId: string;
  readonly command: Command;
  /**
   * @param number owner that answers, 0 when none does
   * @param seq its newest job whose events the outcome may reveal, 0 for none
   */
  reply(outcome: Outcome, number?: number, seq?: number): void;
}

export const unknown: Unavailable = { code: 'unknown', retryAfterSeconds: 1 };
export const overloaded: Unavailable = { code: 'overloaded', retryAfterSeconds: 1 };
export const quarantined: Unavailable = { code: 'quarantined', retryAfterSeconds: 60 };
