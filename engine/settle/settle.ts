/**
 * Settle: the one function that moves an owner's journal jobs into Postgres, for worker, take-over and self-repair.
 * Guards invariants 4 (an event takes effect once, however often its job comes) and 6 (in the order of seq).
 */
import { shardOf } from '../core/hash.ts';
import type { Clock } from '../ports/clock.ts';
import type { LockedOwner, Store } from '../ports/store.ts';
import { JournalGap, nextPayloads, type JobsDeps } from './jobs.ts';
import { TransactionSize } from './transaction-size.ts';

export { JournalDamaged } from './jobs.ts';
export { JournalGap };

export interface SettleDeps extends JobsDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Somebody listens to what is being settled. */
  readonly onHeard?: () => void;
}

/**
 * Settles jobs settled+1, settled+2 … of one owner: until the next id is absent, or, with `wanted`, at least that far.
 *
 * @param wanted a seq known to be in the journal or settled already (0: none); its absence is a JournalGap
 * @param onlyWanted stops at `wanted` exactly
 * @returns the owner's `settled` at the end
 * @throws JournalGap, JournalDamaged, UnknownPayloadFormat, and passing errors of journal or store (try again)
 */
export async function settleOwner(
  deps: SettleDeps,
  number: number,
  wanted = 0,
  onlyWanted = false,
): Promise<number> {
  const size = new TransactionSize(onlyWanted);
  for (;;) {
    const step = await size.bounding(() =>
      deps.store.withOwner(number, (owner) => settleStep(deps, number, owner, wanted, size)),
    );
    if (step === undefined) continue;
    if (step.settled >= wanted && !step.more) return step.settled;
  }
}

/**
 * What is missing may have been settled and removed by somebody else, if the lock went with the database's crash while
 * the journal was read. Only a transaction that still lives has seen a gap.
 */
async function believe(deps: SettleDeps, owner: LockedOwner, gap: JournalGap): Promise<void> {
  await owner.sealedAbove([]);
  deps.observer.alarm('journal_gap', gap.message);
}

interface Step {
  readonly settled: number;
  /** False when the next id was absent under the lock, or nobody asks for more than `wanted`. */
  readonly more: boolean;
}

async function settleStep(
  deps: SettleDeps,
  number: number,
  owner: LockedOwner,
  wanted: number,
  size: TransactionSize,
): Promise<Step> {
  if (wanted > 0 && owner.settled >= wanted) return { settled: owner.settled, more: false };
  const startedAt = deps.clock.monotonic();
  if (size.onlyWanted) size.jobsMax = Math.min(size.jobsMax, wanted - owner.settled);
  const payloads = await nextPayloads(deps, number, owner.settled, wanted, size.jobsMax).catch(
    async (error: unknown) => {
      if (error instanceof JournalGap) await believe(deps, owner, error);
      throw error;
    },
  );
  size.jobs = payloads.length;
  const last = payloads.at(-1);
  if (last === undefined) return { settled: owner.settled, more: false };

  const shards = new Set(payloads.flatMap((payload) => payload.shards));
  const sealed = await owner.sealedAbove([...shards]);
  const events = payloads.flatMap((payload) => payload.events);
  const kept =
    sealed.size === 0 ? events : events.filter((event) => !sealed.has(shardOf(event.batchId)));
  const dropped = events.length - kept.length;

  const applied = await owner.apply(kept, deps.clock.now());
  await owner.advance(last.seq, dropped);

  if (applied.isHeard) deps.onHeard?.();
  if (dropped > 0) deps.observer.dropped(dropped);
  for (const { batchId, version, reason } of applied.quarantined) {
    deps.observer.quarantined(batchId, version, reason);
  }
  for (const { batchId, version } of applied.conflicts) {
    deps.observer.alarm(
      'event_conflict',
      `batch ${batchId} version ${version} came again with other content`,
    );
  }
  deps.observer.settled(kept.length, deps.clock.monotonic() - startedAt);
  return { settled: last.seq, more: wanted === 0 };
}
