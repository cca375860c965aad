/** The settle worker's rest between transactions: what ends it, and that nothing waits for nothing. */
import { describe, expect, it } from 'vitest';
import { encodeEvent, encodePayload } from '../../engine/core/codec.ts';
import { shardOf } from '../../engine/core/hash.ts';
import {
  burstBytesMin,
  burstJobsMax,
  burstRestMs,
  settleConcurrency,
  settleEnoughBytes,
  settleRestMs,
} from '../../engine/limits.ts';
import { jobId, type Journal } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { Settler } from '../../engine/settle/settler.ts';
import { FakeStore } from '../../engine/store/fake.ts';
import { batchOf } from '../contract/store-support.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

const batchId = '7';

async function scene({ receiversPerJob = 1, isHeard = false } = {}) {
  const clock = new VirtualClock();
  const transactions: number[] = [];
  let begun = 0;
  const store = new FakeStore({
    isHeard,
    onCommit: () => void transactions.push(clock.monotonic() - begun),
  });
  store.addBatch(batchOf(batchId), true);
  const number = await store.newOwner([shardOf(batchId)]);
  const payload = (seq: number) => {
    const receivers = Array.from({ length: receiversPerJob }, (_, i) => `receiver-${seq}-${i}`);
    const head = { kind: 'audience', batchId, version: seq, at: seq, channel: 'im' } as const;
    const event = encodeEvent({ ...head, anyone: false, receivers });
    return encodePayload(number, seq, [shardOf(batchId)], [event]);
  };
  const there = new Map<string, string>();
  const read = (ids: readonly string[]) => Promise.resolve(ids.map((id) => there.get(id)));
  let waiting = 0;
  const depth = () => Promise.resolve(waiting);
  const journal = { read, depth } as Partial<Journal> as Journal;
  const settler = new Settler({ store, clock, observer: silentObserver, journal });
  begun = clock.monotonic();
  transactions.length = 0;
  const done: number[] = [];
  /** Adds the jobs, and delivers them. */
  const deliver = (...seqs: number[]) => {
    for (const seq of seqs) there.set(jobId(number, seq), payload(seq));
    for (const seq of seqs)
      void settler.settleJob(jobId(number, seq), payload(seq)).then(() => done.push(seq));
  };
  /** The journal says that it holds enough for a burst, and more each time. */
  const hold = () => {
    waiting = Math.max(waiting + 1, Math.ceil(burstBytesMin / payload(1).length));
  };
  return { clock, settler, store, transactions, deliver, done, hold };
}

describe('the settler', () => {
  it('settles the first job at once, and what comes during the rest together', async () => {
    const { clock, transactions, deliver, done } = await scene();
    deliver(1);
    await clock.pass(0);
    expect(done).toEqual([1]);
    deliver(2);
    await clock.pass(settleRestMs / 2);
    deliver(3, 4);
    await clock.pass(settleRestMs / 2 - 1);
    expect(done).toEqual([1]);
    await clock.pass(1);
    expect(done).toEqual([1, 2, 3, 4]);
    expect(transactions).toEqual([0, settleRestMs]);
  });

  it('does not rest after a pause', async () => {
    const { clock, deliver, done } = await scene();
    deliver(1);
    await clock.pass(settleRestMs);
    deliver(2);
    await clock.pass(0);
    expect(done).toEqual([1, 2]);
  });

  it('does not rest while somebody waits, while enough is there, or at the end', async () => {
    const ends: ((settler: Settler, deliver: (...seqs: number[]) => void) => void)[] = [
      (settler) => settler.hurry(),
      (settler) => settler.close(),
      (_, deliver) => deliver(3, 4),
    ];
    for (const end of ends) {
      const { clock, settler, deliver, done } = await scene({
        receiversPerJob: settleEnoughBytes / 30,
      });
      deliver(1);
      await clock.pass(0);
      deliver(2);
      await clock.pass(1);
      expect(done).toEqual([1]);
      end(settler, deliver);
      await clock.pass(0);
      expect(done).toContain(2);
    }
  });

  it('rests longer in a burst, and settles only a little, until the journal grows no more', async () => {
    const { clock, transactions, deliver, done, hold } = await scene();
    hold();
    deliver(1);
    await clock.pass(0);
    const more = settleConcurrency / 2;
    deliver(...Array.from({ length: more }, (_, i) => i + 2));
    await clock.pass(burstRestMs - 1);
    expect(done).toEqual([1]);
    await clock.pass(1);
    expect(done).toHaveLength(1 + burstJobsMax);
    await clock.pass(settleRestMs);
    expect(done).toHaveLength(1 + more);
    expect(transactions).toEqual([0, burstRestMs, burstRestMs + settleRestMs]);
  });

  it('goes on, little by little, with all that was asked for while the burst lasts', async () => {
    const { clock, deliver, done, hold } = await scene();
    hold();
    deliver(1);
    await clock.pass(0);
    deliver(...Array.from({ length: 3 * burstJobsMax }, (_, i) => i + 2));
    for (const round of [1, 2, 3]) {
      hold();
      await clock.pass(burstRestMs);
      expect(done).toHaveLength(1 + round * burstJobsMax);
    }
  });

  it('does not hold back in a burst while somebody listens to what is settled', async () => {
    const { clock, transactions, deliver, done, hold } = await scene({ isHeard: true });
    hold();
    deliver(1);
    await clock.pass(0);
    for (const round of [1, 2, 3]) {
      hold();
      const first = 2 + 2 * burstJobsMax * (round - 1);
      deliver(...Array.from({ length: 2 * burstJobsMax }, (_, i) => first + i));
      await clock.pass(settleRestMs);
      expect(transactions).toHaveLength(1 + round);
    }
    expect(done.length).toBe(1 + 6 * burstJobsMax);
  });

  it('settles all that was asked for in a burst, if there are others whose jobs come behind', async () => {
    const { clock, settler, store, deliver, done, hold } = await scene();
    hold();
    const other = await store.newOwner([shardOf(batchId)]);
    const text = encodePayload(other, 1, [shardOf(batchId)], []);
    void settler.settleJob(jobId(other, 1), text).catch(() => undefined);
    deliver(1);
    await clock.pass(0);
    hold();
    deliver(...Array.from({ length: 3 * burstJobsMax }, (_, i) => i + 2));
    await clock.pass(burstRestMs);
    expect(done).toHaveLength(1 + 3 * burstJobsMax);
  });

  it('does not hold back in a burst while somebody waits', async () => {
    const { clock, settler, deliver, done, hold } = await scene();
    hold();
    deliver(1);
    await clock.pass(0);
    deliver(2);
    await clock.pass(settleRestMs);
    expect(done).toEqual([1]);
    settler.hurry();
    await clock.pass(0);
    expect(done).toEqual([1, 2]);
    deliver(3);
    await clock.pass(settleRestMs);
    expect(done).toEqual([1, 2, 3]);
  });

  it('does not rest when every place is taken: no more jobs can come', async () => {
    const { clock, deliver, done } = await scene();
    deliver(1);
    await clock.pass(0);
    deliver(...Array.from({ length: settleConcurrency - 1 }, (_, i) => i + 2));
    await clock.pass(1);
    expect(done).toEqual([1]);
    deliver(settleConcurrency + 1);
    await clock.pass(0);
    expect(done).toHaveLength(settleConcurrency + 1);
  });

  it('needs no transaction to know what it has settled itself', async () => {
    const { clock, transactions, deliver, done } = await scene();
    deliver(1, 2, 3);
    await clock.pass(0);
    deliver(2, 1);
    await clock.pass(0);
    expect(done).toEqual([1, 2, 3, 2, 1]);
    expect(transactions).toHaveLength(1);
  });
});
