/** The jobs of one settle transaction: fetched by id in the order of seq, bounded in number, events and bytes. */
import { assert } from '../core/assert.ts';
import { decodePayload, UnknownPayloadFormat, type Payload } from '../core/codec.ts';
import { flushBytesMax, settleBytesMax, settleEventsMax } from '../limits.ts';
import { jobId, type Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';

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

export interface JobsDeps {
  readonly journal: Pick<Journal, 'read'>;
  readonly observer: Observer;
}

/** Jobs fetched by one read at most; the reads go on until a transaction is full or an id is absent. */
const readAhead = 64;
/** Jobs of the first read: of the largest size they fill a transaction. */
const readFirst = Math.min(readAhead, Math.floor(settleBytesMax / flushBytesMax));

/** The unbroken run of jobs after `settled`, bounded by one transaction's size; one job is always within it. */
export async function nextPayloads(
  deps: JobsDeps,
  number: number,
  settled: number,
  wanted: number,
  jobsMax: number,
): Promise<Payload[]> {
  const payloads: Payload[] = [];
  let events = 0;
  let bytes = 0;
  while (payloads.length < jobsMax && events < settleEventsMax) {
    const first = settled + payloads.length + 1;
    const count = Math.min(jobsMax - payloads.length, fitting(payloads.length, bytes, events));
    const texts = await readRun(deps, number, first, count, wanted);
    for (const [i, text] of texts.entries()) {
      // The payload is ASCII.
      if (payloads.length > 0 && bytes + text.length > settleBytesMax) return payloads;
      const payload = decode(deps, number, first + i, text);
      if (payload instanceof Error) {
        // What came before it settles first.
        if (payloads.length > 0) return payloads;
        throw payload;
      }
      payloads.push(payload);
      events += payload.events.length;
      bytes += text.length;
    }
    if (texts.length < count) break;
  }
  return payloads;
}

/** How many more jobs fit if they are like those before; what is fetched in vain is fetched again. */
function fitting(jobs: number, bytes: number, events: number): number {
  if (jobs === 0) return readFirst;
  const inBytes = Math.floor(((settleBytesMax - bytes) * jobs) / bytes);
  const inEvents = Math.floor(((settleEventsMax - events) * jobs) / Math.max(1, events));
  return Math.min(readAhead, Math.max(1, Math.min(inBytes, inEvents)));
}

function decode(
  deps: JobsDeps,
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

/**
 * Reads `count` ids from `first` on; returns those before the first absent one. Absent twice before a present one: a
 * gap, looked for as far as readAhead.
 */
async function readRun(
  deps: JobsDeps,
  number: number,
  first: number,
  count: number,
  wanted: number,
): Promise<string[]> {
  let ids = Array.from({ length: count }, (_, i) => jobId(number, first + i));
  for (let missing = 0; ;) {
    const texts = await deps.journal.read(ids);
    const absent = texts.indexOf(undefined);
    const run = (absent < 0 ? texts : texts.slice(0, absent)) as string[];
    if (run.length > 0) return run.slice(0, count);
    // Jobs are added one after the other, so a later one proves that this one was there.
    const laterThere = texts.some((text) => text !== undefined) || wanted >= first;
    if (laterThere) missing += 1;
    else if (ids.length >= readAhead) return [];
    else ids = Array.from({ length: readAhead }, (_, i) => jobId(number, first + i));
    if (missing === 2) throw new JournalGap(`job ${ids[0]} is missing while a later one is there`);
  }
}
