/**
 * Apply: events into Postgres, set by set, inside the owner's transaction.
 *
 * Guards invariants 4 (balances move only together with the insertion of exactly the planned events), 1 and 6, and the
 * quarantine rule: what can never apply is set aside with all later events of its batch; its neighbours are not.
 *
 * A try locks the batches, plans, and writes under a savepoint. When the rows contradict the plan, the try is undone
 * and repeated with the culprits known; on a data error without a name it is halved until one event is left.
 */
import { assert } from '../core/assert.ts';
import type { BatchEvent } from '../core/types.ts';
import type { Applied } from '../ports/store.ts';
import type { Hearers, Runs } from '../push/runs.ts';
import { addPlan, hearersOf, isAnybodyListening } from '../push/settled.ts';
import { writeRuns } from '../push/write.ts';
import { isBatchId, lockBatches, updateBatches } from './batches.ts';
import { eventKey, insertEvents, isEventTaken, selectEvents } from './events.ts';
import {
  copyEntries,
  creditAccounts,
  debitAccounts,
  escrowAccount,
  missingAccounts,
  postMoves,
  takeBlock,
  type Change,
} from './ledger.ts';
import { insertPackets, insertReceivers, openPackets, unopenable } from './packets.ts';
import {
  groupByBatch,
  planEvents,
  type Group,
  type Plan,
  type Quarantined,
  type Standing,
} from './plan.ts';
import { quarantineEvents } from './quarantine.ts';
import { isDataError, sqlState } from './sql-errors.ts';
import { inOrder, type Connection } from './statements.ts';

interface Run {
  readonly connection: Connection;
  /** Poison found so far: reason by event. */
  readonly refused: Map<BatchEvent, string>;
  readonly quarantined: Quarantined[];
  readonly conflicts: BatchEvent[];
  /** Pushes of the tries that stay. */
  readonly pushes: Runs;
  inserted: number;
  duplicates: number;
}

/** A try's plan, and who hears of it; undefined: nobody. */
interface Tried {
  readonly plan: Plan;
  readonly hearers: Hearers | undefined;
}

/** Rows contradict the plan; which events are to blame is asked once the try is undone. */
class Contradiction extends Error {
  readonly reason: string;
  readonly culprits: () => Promise<readonly BatchEvent[]>;
  constructor(reason: string, culprits: () => Promise<readonly BatchEvent[]>) {
    super(`stored rows contradict events: ${reason}`);
    this.reason = reason;
    this.culprits = culprits;
  }
}

/** See `LockedOwner.apply`. @throws passing errors of the connection and the server */
export async function applyEvents(
  connection: Connection,
  owner: number,
  events: readonly BatchEvent[],
  now: number,
): Promise<Applied> {
  const run: Run = {
    connection,
    refused: new Map(),
    quarantined: [],
    conflicts: [],
    pushes: new Map(),
    inserted: 0,
    duplicates: 0,
  };
  if (events.length > 0) await settleGroups(run, groupByBatch(events));
  if (run.quarantined.length > 0) await quarantineEvents(connection, owner, run.quarantined, now);
  // Last, because listeners are shared with other transactions, too.
  await writeRuns(connection, run.pushes, now);
  const { inserted, duplicates, quarantined, conflicts } = run;
  return {
    inserted,
    duplicates,
    quarantined: quarantined.map(({ event, reason }) => ({ ...key(event), reason })),
    conflicts: conflicts.map(key),
    isHeard: run.pushes.size > 0,
  };
}

function key({ batchId, version }: BatchEvent) {
  return { batchId, version };
}

async function settleGroups(run: Run, groups: readonly Group[]): Promise<void> {
  for (;;) {
    // Before the batches are locked: a row locked outside and updated inside a savepoint would cost a multixact.
    const savepoint = run.connection.query('SAVEPOINT try');
    // It is awaited below; a connection that breaks before must not leave an unhandled rejection.
    savepoint.catch(() => undefined);
    try {
      const { plan, hearers } = await tryGroups(run, groups);
      await inOrder([savepoint, run.connection.query('RELEASE SAVEPOINT try')]);
      run.inserted += plan.events.length;
      run.duplicates += plan.duplicates;
      run.quarantined.push(...plan.quarantined);
      run.conflicts.push(...plan.conflicts);
      if (hearers !== undefined) addPlan(run.pushes, plan, hearers);
      return;
    } catch (error) {
      if (!(error instanceof Contradiction) && !isDataError(error)) throw error;
      await run.connection.query('ROLLBACK TO SAVEPOINT try');
      if (error instanceof Contradiction) {
        const culprits = await error.culprits();
        assert(culprits.length > 0, error.message);
        for (const event of culprits) run.refused.set(event, error.reason);
        continue;
      }
      const [first, second] = halves(groups);
      if (second !== undefined) {
        await settleGroups(run, first);
        await settleGroups(run, second);
        return;
      }
      const last = first[0]?.events[0];
      assert(last !== undefined && !run.refused.has(last), 'a refused event is not written again');
      run.refused.set(last, `sql_${sqlState(error) ?? ''}`);
    }
  }
}

/** Two lists of about the same size, by batch, or by event when there is one batch; order within a batch is kept. */
function halves(groups: readonly Group[]): [readonly Group[], (readonly Group[])?] {
  if (groups.length > 1) {
    const middle = groups.length >> 1;
    return [groups.slice(0, middle), groups.slice(middle)];
  }
  const [group] = groups;
  assert(group !== undefined, 'there is a batch to halve');
  const { batchId, events } = group;
  if (events.length < 2) return [groups];
  const middle = events.length >> 1;
  return [
    [{ batchId, events: events.slice(0, middle) }],
    [{ batchId, events: events.slice(middle) }],
  ];
}

async function tryGroups(run: Run, groups: readonly Group[]): Promise<Tried> {
  const { connection, refused } = run;
  const locking = lockBatches(
    connection,
    groups.map(({ batchId }) => batchId),
  );
  const taking = takeBlock(connection);
  const asking = isAnybodyListening(connection);
  await inOrder<unknown>([locking, taking, asking]);
  const [standings, block] = [await locking, await taking];
  const stored = await selectEvents(connection, settledBefore(groups, standings));
  const poisoned = new Map(run.quarantined.map(({ event, reason }) => [event.batchId, reason]));
  const plan = planEvents(groups, {
    standing: (batchId) => standings.get(batchId),
    stored: (batchId, version) => stored.get(eventKey({ batchId, version })),
    refused: (event) => refused.get(event),
    poisoned: (batchId) => poisoned.get(batchId),
  });
  if (plan.events.length === 0) return { plan, hearers: undefined };
  return { plan, hearers: await write(connection, plan, block, await asking) };
}

/** Events that must be compared with what is stored. */
function settledBefore(
  groups: readonly Group[],
  standings: ReadonlyMap<string, Standing>,
): BatchEvent[] {
  const found: BatchEvent[] = [];
  for (const { batchId, events } of groups) {
    const version = standings.get(batchId)?.summary.version ?? 0;
    for (const event of events)
      if (event.version <= version && isBatchId(batchId)) found.push(event);
  }
  return found;
}

/**
 * @param isHeard whether anybody may listen to pushes
 * @throws Contradiction, data errors, passing errors
 */
async function write(
  connection: Connection,
  plan: Plan,
  block: bigint,
  isHeard: boolean,
): Promise<Hearers | undefined> {
  const { events, packets, opens, audiences, moves, standings } = plan;
  // Each statement is sent before the next one's columns are built: server and client work at the same time.
  const statements: Promise<unknown>[] = [insertEvents(connection, events)];
  if (packets.length > 0) statements.push(insertPackets(connection, packets));
  const { lines, credits, debits } = postMoves(moves);
  if (lines.length > 0) statements.push(copyEntries(connection, block, lines));
  const opened = opens.length > 0 ? openPackets(connection, opens) : Promise.resolve(0);
  const listed = audiences.length > 0 ? insertReceivers(connection, audiences) : Promise.resolve();
  const updated = updateBatches(connection, standings);
  const hearers = isHeard ? hearersOf(connection, plan) : Promise.resolve(undefined);
  const debited = debits.length > 0 ? debitAccounts(connection, debits) : Promise.resolve(0);
  // Last, because accounts are shared with other owners' transactions.
  const credited = credits.length > 0 ? creditAccounts(connection, credits) : Promise.resolve(0);
  try {
    await inOrder([...statements, opened, listed, updated, hearers, debited, credited]);
  } catch (error) {
    if (!isEventTaken(error)) throw error;
    throw new Contradiction('event_beyond_version', () => standingBeyond(connection, events));
  }
  if ((await opened) !== opens.length) {
    throw new Contradiction('packet_not_open', () => unopenable(connection, opens));
  }
  if ((await debited) !== debits.length) {
    throw new Contradiction('escrow_missing', () => withoutEscrow(connection, plan, debits));
  }
  assert((await updated) === standings.size, 'locked batches are found again');
  return hearers;
}

/** Events whose key is taken although the batch never came to that version. */
async function standingBeyond(
  connection: Connection,
  events: readonly BatchEvent[],
): Promise<BatchEvent[]> {
  const taken = await selectEvents(connection, events);
  return events.filter((event) => taken.has(eventKey(event)));
}

/** The events that move money of batches whose escrow account is gone. */
async function withoutEscrow(
  connection: Connection,
  { events, moves }: Plan,
  debits: readonly Change[],
): Promise<BatchEvent[]> {
  const missing = await missingAccounts(connection, debits);
  const moving = new Set(
    moves
      .filter(({ batchId }) => missing.has(escrowAccount(batchId)))
      .map((move) => eventKey(move)),
  );
  return events.filter((event) => moving.has(eventKey(event)));
}
