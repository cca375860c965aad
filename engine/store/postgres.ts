/**
 * The Postgres adapter of the `Store` port: each method is one transaction or one statement of the files beside it.
 * Guards invariants 2, 4 and 6 together with them.
 */
import { assert } from '../core/assert.ts';
import type { LockedOwner, Store } from '../ports/store.ts';
import { applyEvents } from './apply.ts';
import { selectOverdue } from './batches.ts';
import { hurrySender } from './hurry.ts';
import { loadBatch } from './load.ts';
import {
  advanceOwner,
  bindJournal,
  insertOwner,
  lockOwner,
  sealShards,
  selectEarlierOwners,
  selectJournal,
  selectProgress,
  selectSealedAbove,
} from './owners.ts';
import { beginSnapshot, openPool, transaction, type PoolOptions } from './pool.ts';
import { selectQuarantined } from './quarantine.ts';
import type { Connection } from './statements.ts';

/**
 * Every statement here finds its rows by a key. Plans for arrays of 20,000 known keys would read whole tables; those
 * for arrays of any length use the index, unless they were made while the tables were empty: such a plan is kept as
 * long as nobody analyses the table. (Measured: 120 instead of 34 µs of
 * server CPU per claim in a new database.)
 */
export const planSettings = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  // A plan that these make look dear would be compiled at each run (PostgreSQL before 18).
  'jit=off',
];

/**
 * Opens the store on a migrated database. (E4, E5, E8, E12–E14)
 *
 * @throws UnsafeServer when the server could lose acknowledged money; the message says what to set
 */
export async function postgresStore(
  options: Pick<PoolOptions, 'url' | 'observer' | 'poolMax'>,
): Promise<Store> {
  const pool = await openPool({
    ...options,
    applicationName: 'hongbao-store',
    settings: planSettings,
  });
  const shared: Connection = pool;
  const hurry = hurrySender(pool);
  return {
    journalId: () => selectJournal(shared),
    markBound: () => bindJournal(shared),
    newOwner: (shards) => insertOwner(shared, shards),
    earlierOwners: (shards, number) => selectEarlierOwners(shared, shards, number),
    seal: (shards, number, earlier) =>
      transaction(pool, (connection) => sealShards(connection, shards, number, earlier)),
    withOwner: (number, work) =>
      transaction(pool, async (connection) => {
        const locked = await lock(connection, number);
        try {
          return await work(locked.owner);
        } finally {
          locked.end();
        }
      }),
    async progress(numbers, isAwaited = false) {
      if (numbers.length === 0) return [];
      if (isAwaited) hurry();
      return selectProgress(shared, numbers);
    },
    quarantinedBatches: (number) => selectQuarantined(shared, number),
    load: (batchId) =>
      transaction(pool, (connection) => loadBatch(connection, batchId), beginSnapshot),
    overdue: (...args) => selectOverdue(shared, ...args),
    close: () => pool.end(),
  };
}

/** The owner's row under lock, usable until `end`. */
async function lock(
  connection: Connection,
  number: number,
): Promise<{ owner: LockedOwner; end(): void }> {
  const settledBefore = await lockOwner(connection, number);
  assert(settledBefore !== undefined, `there is no owner ${number}`);
  let settled = settledBefore;
  let ended = false;
  const live = () => assert(!ended, 'an owner is used only inside its transaction');
  const owner: LockedOwner = {
    get settled() {
      return settled;
    },
    async sealedAbove(shards) {
      live();
      return selectSealedAbove(connection, shards, number);
    },
    async apply(events, now) {
      live();
      return applyEvents(connection, number, events, now);
    },
    async advance(to, dropped) {
      live();
      assert(to >= settled && dropped >= 0, 'settled moves only upwards');
      await advanceOwner(connection, number, to, dropped);
      settled = to;
    },
  };
  return { owner, end: () => (ended = true) };
}
