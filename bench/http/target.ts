/** What is measured side by side, behind one interface. */
import type { LoadBatch } from '../load/protocol.ts';

export interface Target {
  readonly name: string;
  readonly kind: 'limit' | 'ours' | 'peer';
  readonly url: string;
  /** Roots of process trees whose CPU a request waits for. */
  readonly answerPids: readonly number[];
  /** Roots of those that do the rest: settling, draining, and a database that only they use. */
  readonly restPids: readonly number[];
  /** So slow that it does not come round to all receivers in a warm-up. */
  readonly slow?: boolean;
  /** New batches, open to anyone with the key. */
  makeBatches(batches: number, packets: number): Promise<LoadBatch[]>;
  /** Undefined where nothing is kept. */
  readonly books?: Books;
}

export interface Books {
  /** Claims that have reached the ledger, of all time; cheap, so that it can be asked often. */
  claims(): Promise<number>;
  /** Everything accepted is in the ledger, and all of it adds up; why not, else. Waits for what is on its way. */
  check(): Promise<string[]>;
  /** Gives the senders of the `lifecycle` workload money. */
  fundSenders?(): Promise<void>;
}

/** Mean of a packet everywhere. */
export const meanAmount = 100;
