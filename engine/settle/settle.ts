/**
 * Settle: the one function that moves an owner's journal jobs into Postgres, for worker, take-over and self-repair.
 * Guards invariants 4 (an event takes effect once, however often its job comes) and 6 (in the order of seq).
 */
import { assert } from '../core/assert.ts';
import { decodePayload, UnknownPayloadFormat, type Payload } from '../core/codec.ts';
import { shardOf } from '../core/hash.ts';
import { settleEventsMax, settleJobsMax } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import { jobId, type Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import type { LockedOwner, Store } from '../ports/store.ts';

/** A job is missing although a later one of the same owner is there: the journal lost data. */
export class JournalGap extends Error {
  override readonly name = 'JournalGap';
}

/**
 * A job's text cannot be read. Nothing is skipped, because nobody can know what it said: its owner stands still until
 * the owner's own copy heals it, or an operator sets the job aside. Raised together with an alarm.
 */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged';
}

export interface SettleDeps {
  readonly store: Store;
  readonly journal: Pick<Journal, 'read'>;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** Jobs fetched by one read; the reads go on until a transaction is full or an id is absent. */
const readAhead = 16;

/**
 * Settles jobs settled+1, settled+2 … of one owner until the next id is absent.
 *
 * @param wanted a seq known to be in the journal or settled already (0: none); its absence is a JournalGap
 * @returns the owner's `settled` at the end
 * @throws JournalGap, JournalDamaged, UnknownPayloadFormat, and passing errors of journal or store (try again)
 */
export async function settleOwner(deps: SettleDeps, number: number, wanted = 0): Promise<number> {
  for (;;) {
    const step = await deps.store.withOwner(number, (owner) =>
      settleStep(deps, number, owner, wanted),
    );
    if (step.settled >= wanted && !step.more) return step.settled;
  }
}

interface Step {
  readonly settled: number;
  /** False when the next id was absent under the lock. */
  readonly more: boolean;
}

async function settleStep(
  deps: SettleDeps,
  number: number,
  owner: LockedOwner,
  wanted: number,
): Promise<Step> {
  if (wanted > 0 && owner.settled >= wanted) return { settled: owner.settled, more: false };
  const startedAt = deps.clock.monotonic();
  const payloads = await nextPayloads(deps, number, owner.settled, wanted);
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
  return { settled: last.seq, more: true };
}

/** The unbroken run of jobs after `settled`, bounded by one transaction's size. */
async function nextPayloads(
  deps: SettleDeps,
  number: number,
  settled: number,
  wanted: number,
): Promise<Payload[]> {
  const payloads: Payload[] = [];
  let events = 0;
  while (payloads.length < settleJobsMax && events < settleEventsMax) {
    const first = settled + payloads.length + 1;
    const texts = await readRun(deps, number, first, wanted);
    for (const [i, text] of texts.entries()) {
      const payload = decode(deps, number, first + i, text);
      if (payload instanceof Error) {
        // What came before it settles first.
        if (payloads.length > 0) return payloads;
        throw payload;
      }
      payloads.push(payload);
      events += payload.events.length;
    }
    if (texts.length < readAhead) break;
  }
  return payloads;
}

function decode(
  deps: SettleDeps,
  number: number,
  seq: number,
  text: string,
): Payload | JournalDamaged | UnknownPayloadFormat {
  try {
    const payload = decodePayload(text);
    assert(payload.number === number && payload.seq === seq, 'a job holds the payload of its id');
    return payload;
  } catch (error) {
    if (error instanceof UnknownPayloadFormat) return error;
    const reason = error instanceof Error ? error.message : String(error);
    const batchIds = [...new Set(text.match(/(?<=;[coea],)[0-9]{1,19}(?=,)/g))].slice(0, 10);
    const detail = `job ${jobId(number, seq)} cannot be read (${reason}); batches in it: ${batchIds.join(' ')}`;
    deps.observer.alarm('journal_damaged', detail);
    return new JournalDamaged(detail);
  }
}

/** Reads ids from `first` on; returns those before the first absent one. Absent twice before a present one: a gap. */
async function readRun(
  deps: SettleDeps,
  number: number,
  first: number,
  wanted: number,
): Promise<string[]> {
  const ids = Array.from({ length: readAhead }, (_, i) => jobId(number, first + i));
  for (let attempt = 1; ; attempt += 1) {
    const texts = await deps.journal.read(ids);
    const absent = texts.indexOf(undefined);
    const run = (absent < 0 ? texts : texts.slice(0, absent)) as string[];
    if (run.length > 0) return run;
    // Jobs are added one after the other, so a later one proves that this one was there.
    const laterThere = texts.some((text) => text !== undefined) || wanted >= first;
    if (!laterThere) return [];
    if (attempt === 2) {
      deps.observer.alarm('journal_gap', `job ${ids[0]} is missing while a later one is there`);
      throw new JournalGap(`job ${ids[0]} is missing while a later one is there`);
    }
  }
}
