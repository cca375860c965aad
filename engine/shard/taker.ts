/**
 * Taker: gets shards for its thread and goes on trying. A failed attempt is repeated under its number, which nobody
 * has served under; a new one is drawn for another set of shards, or after some were lost.
 */
import { blockedDelayMsMax, retakeDelayMs } from '../limits.ts';
import { sleep } from '../ports/clock.ts';
import {
  JournalMismatch,
  takeOver,
  type Attempt,
  type Taken,
  type TakeOverDeps,
} from './take-over.ts';

export interface TakerDeps extends TakeOverDeps {
  /** Whether the shard should be served and is not. */
  wants(shard: number): boolean;
  /** The shards kept are served from now on, under the number taken. */
  serve(taken: Taken): void;
}

/** Shards and the number under which they are being taken. */
interface Try {
  readonly shards: readonly number[];
  readonly attempt: Attempt;
}

export class Taker {
  readonly #deps: TakerDeps;
  readonly #taking = new Set<number>();

  constructor(deps: TakerDeps) {
    this.#deps = deps;
  }

  isTaking(shard: number): boolean {
    return this.#taking.has(shard);
  }

  /**
   * Tries until they are served, or should not be any more, or wait for an earlier owner whose jobs are damaged (which
   * goes on in the background); only a journal that is not ours is final.
   */
  async take(shards: readonly number[]): Promise<void> {
    for (const shard of shards) this.#taking.add(shard);
    await this.#takeAll(shards, undefined, retakeDelayMs);
  }

  takeInBackground(shards: readonly number[]): void {
    if (shards.length > 0) this.take(shards).catch(this.#onImpossible);
  }

  readonly #onImpossible = (error: unknown) => {
    this.#deps.observer.alarm('take_over_impossible', String(error));
  };

  async #takeAll(
    shards: readonly number[],
    before: Try | undefined,
    blockedDelayMs: number,
  ): Promise<void> {
    const { clock, observer } = this.#deps;
    const left = new Set(shards);
    let current = before;
    try {
      for (;;) {
        const wanted = [...left].filter((shard) => this.#deps.wants(shard));
        if (wanted.length === 0) return;
        if (current?.shards.join() !== wanted.join())
          current = { shards: wanted, attempt: { number: undefined } };
        try {
          const taken = await takeOver(this.#deps, wanted, current.attempt);
          // Its number is an owner's now, or too low for the shards lost.
          if (taken.kept.length > 0 || taken.lost.length > 0) current = undefined;
          for (const shard of taken.blocked) left.delete(shard);
          this.#retryLater(taken.blocked, current, blockedDelayMs);
          for (const shard of taken.kept) {
            left.delete(shard);
            this.#taking.delete(shard);
          }
          this.#serve(taken);
          if (taken.lost.length === 0) return;
        } catch (error) {
          if (error instanceof JournalMismatch) throw error;
          observer.log('error', 'take-over failed, trying again', { error: String(error) });
        }
        await sleep(clock, retakeDelayMs);
      }
    } finally {
      for (const shard of left) this.#taking.delete(shard);
    }
  }

  /** They stay marked as being taken. */
  #retryLater(shards: readonly number[], current: Try | undefined, delayMs: number): void {
    if (shards.length === 0) return;
    this.#deps.clock.after(delayMs, () => {
      const nextMs = Math.min(2 * delayMs, blockedDelayMsMax);
      this.#takeAll(shards, current, nextMs).catch(this.#onImpossible);
    });
  }

  #serve(taken: Taken): void {
    // What was given up meanwhile stays unserved: it is for whoever has its lease.
    const kept = taken.kept.filter((shard) => this.#deps.wants(shard));
    if (kept.length > 0) this.#deps.serve({ ...taken, kept });
  }
}
