/**
 * Journal: where events become durable before anybody is told of them (invariants 2, 3, 4).
 * One production adapter over BullMQ with two backends, one fake; one contract suite for all.
 */

/** `<owner number>-<seq>`, seq 1, 2, 3 … without a gap within an owner. Also the client's `position`. */
export type JobId = string;

/** `<owner number>-<seq>`. */
export function jobId(number: number, seq: number): JobId {
  return `${number}-${seq}`;
}

/** The parts of a job id, or undefined when the text is not one. */
export function parseJobId(text: string): { number: number; seq: number } | undefined {
  const match = /^([1-9][0-9]{0,14})-(0|[1-9][0-9]{0,14})$/.exec(text);
  return match === null ? undefined : { number: Number(match[1]), seq: Number(match[2]) };
}

/** One atomic read of who owns what, together with which run of which store answered. */
export interface Ownership {
  /** Random id that also stands in Postgres; undefined when the store was never bound (or was wiped). */
  readonly journalId: string | undefined;
  /** Changes whenever the store was restarted or its role changed. */
  readonly runId: string;
  /** Owner number by shard (index 0 … 255); 0 where nobody has taken it yet. */
  readonly owners: readonly number[];
}

/** How full the journal's store is; `ratio` 0 … 1 of its own limit, 0 when it has none. */
export interface Pressure {
  readonly ratio: number;
}

/** Thrown by `add` when the store has certainly not kept the job and never will (e.g. payload too large). */
export class JournalRefusal extends Error {
  override readonly name = 'JournalRefusal';
}

/** Jobs being consumed. */
export interface Consumer {
  /** Stops fetching, waits for the handlers under way. */
  close(): Promise<void>;
}

/** The journal of one process; see the rules at each method. */
export interface Journal {
  /**
   * Resolves only once the job is accepted and on disk. The same id again keeps the first payload and resolves.
   * Rejects with JournalRefusal when certainly not kept; with anything else the outcome is unknown and the
   * caller repeats the same id and payload.
   */
  add(id: JobId, payload: string): Promise<void>;
  /** Payloads by id, in the order asked; undefined where the journal holds no such job (any more). */
  read(ids: readonly JobId[]): Promise<readonly (string | undefined)[]>;
  /** One atomic read. It began after the call, so it may stand for every result decided before the call. */
  ownership(): Promise<Ownership>;
  /** Sets the owner of each shard to `number`, only upwards. Durable when it resolves. */
  take(shards: readonly number[], number: number): Promise<void>;
  /**
   * Binds an unbound store to `journalId`; resolves with the id that now stands there (an earlier one wins).
   */
  bind(journalId: string): Promise<string>;
  /**
   * Calls `handler` for every job, at least once, in no order to rely on; a job leaves the journal when its
   * handler resolves and comes again (with capped backoff, for ever) when it rejects.
   */
  consume(
    handler: (id: JobId, payload: string) => Promise<void>,
    options: { readonly concurrency: number },
  ): Promise<Consumer>;
  /** Jobs held in any state. */
  depth(): Promise<number>;
  pressure(): Promise<Pressure>;
  close(): Promise<void>;
}
