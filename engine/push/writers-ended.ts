/**
 * Waits until every transaction has ended that may have looked for listeners before now. Whoever looks holds a lock on
 * the table `listener` until it ends, taken before it looks, and has written something: so those transactions can be
 * seen, nobody is held up, and readers (a backup, say) are not waited for. One wait serves all who ask.
 */
import type { Pool } from 'pg';
import { writersEndedPollMs, writersEndedWaitMs } from '../limits.ts';
import { sleep, type Clock } from '../ports/clock.ts';
import { WritersLinger } from './port.ts';

/** Transactions that write and have looked for listeners; not this one. */
const selectWriters = `SELECT DISTINCT looking.virtualtransaction AS id
  FROM pg_locks AS looking JOIN pg_locks AS writing USING (pid, virtualtransaction)
  WHERE looking.locktype = 'relation' AND looking.relation = 'listener'::regclass
    AND looking.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND writing.locktype = 'transactionid' AND writing.mode = 'ExclusiveLock' AND pid <> pg_backend_pid()`;

export class WritersEnded {
  readonly #pool: Pool;
  readonly #clock: Clock;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** @throws WritersLinger after `writersEndedWaitMs`, errors of the connection */
  wait(): Promise<void> {
    // A round under way began too early for this caller; the next one is for all who come until it begins.
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#running = this.#round();
    return this.#running;
  }

  async #round(): Promise<void> {
    const until = this.#clock.monotonic() + writersEndedWaitMs;
    let waited = await this.#writers();
    while (waited.size > 0) {
      if (this.#clock.monotonic() > until)
        throw new WritersLinger('a transaction does not end: try again');
      await sleep(this.#clock, writersEndedPollMs);
      const left = await this.#writers();
      waited = new Set([...waited].filter((id) => left.has(id)));
    }
  }

  async #writers(): Promise<Set<string>> {
    const { rows } = await this.#pool.query<{ id: string }>(selectWriters);
    return new Set(rows.map(({ id }) => id));
  }
}
