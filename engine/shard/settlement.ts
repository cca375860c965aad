/**
 * Settlement: what Postgres says of an owner's jobs, and what follows in memory. An owner whose `settled` stands still
 * settles itself (DESIGN "Kept until settled").
 */
import { parseJobId } from '../ports/journal.ts';
import type { OwnerProgress } from '../ports/store.ts';
import { settleOwner, type SettleDeps } from '../settle/settle.ts';
import type { Flusher } from './flusher.ts';
import type { Residents } from './residents.ts';

export class Settlement {
  readonly #deps: SettleDeps;
  readonly #number: number;
  readonly #flusher: Flusher;
  readonly #residents: Residents;
  #quarantined = 0;
  /** Monotonic time at which `settled` moved last, or had nothing to move for. */
  #settledAt: number;
  #settlingSelf = false;

  constructor(deps: SettleDeps, number: number, flusher: Flusher, residents: Residents) {
    this.#deps = deps;
    this.#number = number;
    this.#flusher = flusher;
    this.#residents = residents;
    this.#settledAt = deps.clock.monotonic();
  }

  /**
   * Takes note of the owner's row. Quarantine comes first: until it is known here, its events count as unsettled, so
   * that it is asked for again.
   */
  async progress(progress: OwnerProgress): Promise<void> {
    if (progress.quarantined > this.#quarantined) {
      for (const batchId of await this.#deps.store.quarantinedBatches(this.#number))
        this.#residents.drop(batchId);
      this.#quarantined = progress.quarantined;
    }
    if (progress.settled > this.#flusher.settled) this.#settledAt = this.#deps.clock.monotonic();
    for (const actor of this.#flusher.settledUpTo(progress.settled)) {
      this.#residents.unpin(actor, progress.settled);
    }
  }

  /** Settles for itself when nobody has moved `settled` for `afterMs` although there is something to settle. */
  async settleSelf(afterMs: number): Promise<void> {
    const { clock } = this.#deps;
    const durable = this.#flusher.durable;
    if (durable <= this.#flusher.settled) this.#settledAt = clock.monotonic();
    if (this.#settlingSelf || clock.monotonic() - this.#settledAt < afterMs) return;
    this.#settlingSelf = true;
    try {
      // From its own copies, which are what the journal should hold: a job damaged or lost there is healed by it.
      const read = (ids: readonly string[]) =>
        Promise.resolve(ids.map((id) => this.#flusher.durablePayload(parseJobId(id)?.seq ?? 0)));
      await settleOwner({ ...this.#deps, journal: { read } }, this.#number);
      this.#settledAt = clock.monotonic();
    } finally {
      this.#settlingSelf = false;
    }
  }
}
