/**
 * Taking shards over (DESIGN "Take a shard over"). Guards invariant 2: after step 1 no earlier owner gets a result
 * released; after step 3 nothing it adds late takes effect.
 */
import { UnknownPayloadFormat } from '../core/codec.ts';
import { JournalDamaged, JournalGap, settleOwner, type SettleDeps } from '../settle/settle.ts';
import type { Journal } from '../ports/journal.ts';

export interface TakeOverDeps extends SettleDeps {
  readonly journal: Journal;
  /**
   * Adds again what owners of this thread keep until settled, where it was acknowledged in another run of the
   * journal's store than this one: step 2 would not find what that run has lost.
   */
  addAgain?(runId: string): Promise<void>;
}

/** The id in the journal's store is not the one in Postgres: this is another journal, or one that lost its data. */
export class JournalMismatch extends Error {
  override readonly name = 'JournalMismatch';
}

export interface Taken {
  readonly number: number;
  readonly journalId: string;
  /** Run of the journal's store in which the shards were taken. */
  readonly runId: string;
  readonly kept: readonly number[];
  /** Taken meanwhile by somebody with a higher number. */
  readonly lost: readonly number[];
  /** Shards of an earlier owner whose jobs are damaged or missing: nobody may serve them before that is repaired. */
  readonly blocked: readonly number[];
}

/** A take-over of some shards that may be tried several times under one number. Never for two owners. */
export interface Attempt {
  /** Undefined until it is committed. */
  number: number | undefined;
}

/**
 * Step 0, once per attempt, and then 1–3. Rejects on passing errors; an abandoned attempt leaves an owner without jobs
 * behind, which the next take-over looks at and finds empty.
 */
export async function takeOver(
  deps: TakeOverDeps,
  shards: readonly number[],
  attempt: Attempt = { number: undefined },
): Promise<Taken> {
  if (attempt.number === undefined) {
    const number = await deps.store.newOwner(shards);
    attempt.number = number;
  }
  return takeAgain(deps, shards, attempt.number);
}

/** Steps 1–3 under a number already committed; also after the journal's store was restarted. */
export async function takeAgain(
  deps: TakeOverDeps,
  shards: readonly number[],
  number: number,
): Promise<Taken> {
  const startedAt = deps.clock.monotonic();
  const { id: journalId } = await deps.store.journalId();
  const before = await deps.journal.ownership();
  if (before.journalId !== journalId) {
    deps.observer.alarm(
      'journal_mismatch',
      `journal ${before.journalId ?? 'none'}, Postgres ${journalId}`,
    );
    throw new JournalMismatch(
      `the journal is ${before.journalId ?? 'unbound'}, Postgres expects ${journalId}`,
    );
  }
  await deps.journal.take(shards, number);
  const after = await deps.journal.ownership();
  const kept = shards.filter((shard) => after.owners[shard] === number);
  const lost = shards.filter((shard) => after.owners[shard] !== number);

  await deps.addAgain?.(after.runId);
  const earlier = kept.length === 0 ? [] : await deps.store.earlierOwners(kept, number);
  const failing = await settleEarlier(deps, earlier);
  const blocked = await shardsOf(deps, failing, kept, number);
  const free = kept.filter((shard) => !blocked.has(shard));
  if (kept.length > 0) {
    // Leftovers were looked for in this run; another one may hold less, or more that their owner added again.
    const { runId } = await deps.journal.ownership();
    if (runId !== after.runId) throw new Error('the journal was restarted during the take-over');
  }
  const settled = earlier.filter((owner) => !failing.has(owner));
  const sealed = free.length === 0 || (await deps.store.seal(free, number, settled));
  deps.observer.takenOver(free.length, deps.clock.monotonic() - startedAt);
  const taken = { number, journalId, runId: after.runId, blocked: [...blocked] };
  return sealed ? { ...taken, kept: free, lost } : { ...taken, kept: [], lost: [...lost, ...free] };
}

/** Settles each of them; returns those that cannot be, because their jobs in the journal are not what they were. */
async function settleEarlier(
  deps: TakeOverDeps,
  earlier: readonly number[],
): Promise<ReadonlySet<number>> {
  const failing = new Set<number>();
  for (const owner of earlier) {
    try {
      await settleOwner(deps, owner);
    } catch (error) {
      const forGood =
        error instanceof JournalGap ||
        error instanceof JournalDamaged ||
        error instanceof UnknownPayloadFormat;
      if (!forGood) throw error;
      deps.observer.log('error', 'an earlier owner cannot be settled; its shards stay unserved', {
        number: owner,
        error: error.message,
      });
      failing.add(owner);
    }
  }
  return failing;
}

/** Those of the shards that any of the earlier owners had. */
async function shardsOf(
  deps: TakeOverDeps,
  owners: ReadonlySet<number>,
  shards: readonly number[],
  number: number,
): Promise<ReadonlySet<number>> {
  const had = new Set<number>();
  if (owners.size === 0) return had;
  for (const shard of shards) {
    const earlier = await deps.store.earlierOwners([shard], number);
    if (earlier.some((owner) => owners.has(owner))) had.add(shard);
  }
  return had;
}
