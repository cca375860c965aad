/**
 * Roster: the owners of one host. Ended ones stay here ("retired") until all that they may have told anybody is
 * settled, because their copies are the last ones when the journal comes back without its tail (DESIGN "Kept until
 * settled").
 */
import type { Reporter } from '../journal/reporter.ts';
import { selfSettleAfterMs } from '../limits.ts';
import type { Store } from '../ports/store.ts';
import type { Owner } from './owner.ts';

export interface RosterDeps {
  readonly store: Pick<Store, 'progress'>;
  readonly reporter: Reporter;
}

export class Roster {
  readonly #deps: RosterDeps;
  readonly #live = new Set<Owner>();
  readonly #retired = new Set<Owner>();

  constructor(deps: RosterDeps) {
    this.#deps = deps;
  }

  /** Owners that have not ended. */
  get live(): ReadonlySet<Owner> {
    return this.#live;
  }
  /** Live and retired ones. */
  get all(): readonly Owner[] {
    return [...this.#live, ...this.#retired];
  }

  add(owner: Owner): void {
    this.#live.add(owner);
  }

  /** The owner has ended; its acknowledged payloads are kept. */
  retire(owner: Owner): void {
    this.#live.delete(owner);
    if (owner.unsettledEvents > 0) this.#retired.add(owner);
  }

  /** Payload bytes kept until settled. */
  get unsettledBytes(): number {
    let bytes = 0;
    for (const owner of this.#live) bytes += owner.unsettledBytes;
    for (const owner of this.#retired) bytes += owner.unsettledBytes;
    return bytes;
  }

  /** Commands whose answer has not left yet; an ended owner has none. */
  get waiting(): number {
    let waiting = 0;
    for (const owner of this.#live) waiting += owner.waiting;
    return waiting;
  }

  /**
   * Gives the journal what it may have lost before this run of its store, live owners' payloads too: a shard may come
   * back to the thread that gave it up. Rejects with the journal's error.
   */
  async addAgain(runId: string): Promise<void> {
    for (const owner of this.all) await owner.addAgain(runId);
  }

  /** The same for those that have no gate to notice it. */
  async addRetiredAgain(runId: string): Promise<void> {
    for (const owner of this.#retired) await owner.addAgain(runId);
  }

  async followProgress(hurry: boolean): Promise<void> {
    const { store, reporter } = this.#deps;
    const busy = this.all.filter((owner) => owner.unsettledEvents > 0);
    const numbers = busy.map(({ number }) => number);
    const rows = numbers.length === 0 ? [] : await store.progress(numbers, hurry);
    for (const row of rows) {
      try {
        await busy.find((owner) => owner.number === row.number)?.progress(row);
      } catch (error) {
        reporter.report('warn', 'an owner could not be told of its progress', error);
      }
    }
    for (const owner of busy) {
      // Not waited for: it may last, and the others go on meanwhile.
      owner
        .settleSelf(selfSettleAfterMs)
        .catch((error: unknown) =>
          reporter.report('warn', 'an owner could not settle itself', error),
        );
    }
    for (const owner of this.#retired) if (owner.unsettledEvents === 0) this.#retired.delete(owner);
    for (const owner of this.#live) if (owner.isIdle) this.#live.delete(owner);
  }
}
