/**
 * What this node has told clients and Postgres does not show yet, and the wait until it does (DESIGN "Reads").
 * Guards invariant 3 on the reading side: a page never contradicts an answer given before by the same node.
 */
import { acknowledgedPruneMs } from '../limits.ts';
import { jobId, parseJobId } from '../ports/journal.ts';
import type { Store } from '../ports/store.ts';
import type { Clock } from '../ports/clock.ts';
import type { CaughtUp } from '../api.ts';
import type { Outcome } from '../shard/request.ts';
import { SettledWaits, type Need } from './settled-waits.ts';

interface OwnerRecord {
  settled: number;
  /** `settled` when the maps were last searched for what may be forgotten: they are long while Postgres is away. */
  forgotten: number;
  readonly users: Map<string, number>;
  readonly batches: Map<string, number>;
}

export class Acknowledged {
  readonly #store: Pick<Store, 'progress'>;
  readonly #clock: Clock;
  readonly #owners = new Map<number, OwnerRecord>();
  readonly #waits: SettledWaits;
  #pruning = false;

  constructor(store: Pick<Store, 'progress'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#waits = new SettledWaits((numbers) => this.#refresh(numbers, true), clock);
  }

  /** A client was told of events up to this job, about this batch and, unless undefined, this user. */
  note(number: number, seq: number, userId: string | undefined, batchId: string): void {
    if (seq === 0) return;
    let record = this.#owners.get(number);
    if (record === undefined) {
      this.#owners.set(
        number,
        (record = {
          settled: 0,
          forgotten: 0,
          users: new Map(),
          batches: new Map(),
        }),
      );
    }
    if (seq <= record.settled) return;
    raise(record.batches, batchId, seq);
    if (userId !== undefined) raise(record.users, userId, seq);
    this.#prune();
  }

  /** Forgets what has settled meanwhile, as long as there is something to forget. */
  #prune(): void {
    if (this.#pruning) return;
    this.#pruning = true;
    this.#clock.after(acknowledgedPruneMs, () => {
      this.#refresh([...this.#owners.keys()])
        .catch(() => undefined)
        .finally(() => {
          this.#pruning = false;
          for (const [number, record] of this.#owners) {
            if (record.settled === record.forgotten) continue;
            record.forgotten = record.settled;
            forget(record.users, record.settled);
            forget(record.batches, record.settled);
            if (record.batches.size === 0) this.#owners.delete(number);
          }
          if (this.#owners.size > 0) this.#prune();
        });
    });
  }

  async #refresh(numbers: readonly number[], isAwaited = false): Promise<Map<number, number>> {
    const rows = await this.#store.progress(numbers, isAwaited);
    for (const { number, settled } of rows) {
      const record = this.#owners.get(number);
      if (record !== undefined) record.settled = Math.max(record.settled, settled);
    }
    return new Map(rows.map((row) => [row.number, row.settled]));
  }

  /** Newest job told about the batch that is not known to be settled. */
  newest(batchId: string): string | undefined {
    // Of several owners that answered for it, the one with the highest number came last.
    const numbers = [...this.#owners.keys()].sort((one, other) => other - one);
    for (const number of numbers) {
      const seq = this.#owners.get(number)?.batches.get(batchId);
      if (seq !== undefined) return jobId(number, seq);
    }
    return undefined;
  }

  #needs(about: { userId?: string; batchId?: string }): Need[] {
    const needs: Need[] = [];
    for (const [number, record] of this.#owners) {
      const user = about.userId === undefined ? 0 : (record.users.get(about.userId) ?? 0);
      const batch = about.batchId === undefined ? 0 : (record.batches.get(about.batchId) ?? 0);
      const seq = Math.max(user, batch);
      if (seq > record.settled) needs.push({ number, seq, foreign: false });
    }
    return needs;
  }

  /** @returns `timeout` after settledWaitMs, `unknown_position` when `after` is no job id or of no known owner */
  async caughtUp(about: {
    userId?: string;
    batchId?: string;
    after?: string | undefined;
  }): Promise<CaughtUp> {
    const needs = this.#needs(about);
    if (about.after !== undefined) {
      const position = parseJobId(about.after);
      if (position === undefined) return 'unknown_position';
      needs.push({ ...position, foreign: true });
    }
    return needs.length === 0 ? 'settled' : this.#waits.wait(needs);
  }
}

/**
 * The user whose own pages show what the outcome tells, for `note`. A refusal reveals the batch only: a crowd that was
 * told "exhausted" is not remembered one by one.
 */
export function concerned(outcome: Outcome, userId: string): string | undefined {
  return 'packet' in outcome || outcome.code === 'extended' ? userId : undefined;
}

function raise(map: Map<string, number>, key: string, seq: number): void {
  const before = map.get(key);
  if (before === undefined || before < seq) map.set(key, seq);
}

function forget(map: Map<string, number>, settled: number): void {
  for (const [key, seq] of map) if (seq <= settled) map.delete(key);
}
