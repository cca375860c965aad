/**
 * Journal watch: asks the journal how it is although nobody claims, so that health is told truthfully and new requests
 * are refused early while nothing could be acknowledged. Guards nothing by itself: what leaves is decided at the gate.
 */
import { stalledAfterMs } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Journal, Ownership } from '../ports/journal.ts';

export interface JournalWatchDeps {
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'ownership' | 'pressure'>;
  /** Fullness of the journal's store (0 … 1) above which nothing new is taken in. */
  readonly journalWatermark: number;
}

export class JournalWatch {
  readonly #deps: JournalWatchDeps;
  /** Start of the first question since the last answer. */
  #silentSince: number | undefined;
  #full = false;

  constructor(deps: JournalWatchDeps) {
    this.#deps = deps;
  }

  /** Fuller than the watermark: what is left is for the settle worker, which cannot fetch from a full store. */
  get full(): boolean {
    return this.#full;
  }

  /** It has not answered, or only with errors, for so long that nothing new should wait for it. */
  get silent(): boolean {
    const since = this.#silentSince;
    return since !== undefined && this.#deps.clock.monotonic() - since > stalledAfterMs;
  }

  /** Asks once. Rejects with the journal's error. */
  async ask(): Promise<Ownership> {
    const { clock, journal, journalWatermark } = this.#deps;
    this.#silentSince ??= clock.monotonic();
    const [ownership, { ratio }] = await Promise.all([journal.ownership(), journal.pressure()]);
    this.#silentSince = undefined;
    this.#full = ratio >= journalWatermark;
    return ownership;
  }
}
