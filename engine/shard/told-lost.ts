/**
 * Looks for events that somebody was told of and that are gone: the journal went back in time, and another owner took
 * the shard before this one could add its payloads again. An owner that has not sealed yet may still find them, so this
 * may be a false alarm; a missed one would be worse. Guards nothing; a person has to hear of it.
 */
import { decodePayload } from '../core/codec.ts';
import { jobId, type Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import type { Store } from '../ports/store.ts';

export interface ToldLostDeps {
  readonly journal: Pick<Journal, 'read'>;
  readonly store: Pick<Store, 'progress'>;
  readonly observer: Pick<Observer, 'alarm'>;
}

/** @param told payloads by seq of which answers may have left; @param lost the shards that went to somebody else */
export async function lookForToldLost(
  deps: ToldLostDeps,
  number: number,
  told: readonly (readonly [seq: number, payload: string])[],
  lost: ReadonlySet<number>,
): Promise<void> {
  const concerned = told
    .filter(([, payload]) => decodePayload(payload).shards.some((shard) => lost.has(shard)))
    .map(([seq]) => seq);
  if (concerned.length === 0) return;
  const texts = await deps.journal.read(concerned.map((seq) => jobId(number, seq)));
  // Asked afterwards: a job leaves the journal only when it is settled.
  const [progress] = await deps.store.progress([number]);
  const settled = progress?.settled ?? 0;
  const gone = concerned.filter((seq, i) => texts[i] === undefined && seq > settled);
  if (gone.length === 0) return;
  const ids = gone.map((seq) => jobId(number, seq)).join(' ');
  deps.observer.alarm(
    'told_events_lost',
    `owner ${number}: the journal came back without jobs ${ids}, and their shards belong to another owner`,
  );
}
