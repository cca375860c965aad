/**
 * For how long one audience event keeps its shard thread from everything else: a whole Host in this process, and the
 * longest turn of its event loop, in CPU of the thread (what others take from the machine is not the event's).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../engine/adapters/clock.ts';
import { systemRandom } from '../../engine/adapters/random.ts';
import { shardCount } from '../../engine/limits.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { Host } from '../../engine/shard/host.ts';
import type { Outcome } from '../../engine/shard/request.ts';
import type { OpenEmptyJournal } from '../engine/journals.ts';
import { benchBatch, benchStore } from '../engine/store.ts';
import { median } from '../support/stats.ts';

export interface Stop {
  readonly receivers: number;
  readonly idLength: number;
  /** Longest turn, CPU of the thread: median of the rounds, and the largest. */
  readonly turnMs: number;
  readonly turnMsMax: number;
  /** CPU of the thread for all of it. */
  readonly cpuMs: number;
}

const pauseMs = 300;
const drainMs = 10_000;

export async function longestStop(
  open: OpenEmptyJournal,
  receivers: number,
  idLength: number,
  rounds: number,
): Promise<Stop> {
  const { store, noteFlush } = benchStore((id) => benchBatch(id, 2));
  const { journal, close } = await open();
  const observer = { ...silentObserver, flushed: () => noteFlush() };
  const random = systemRandom();
  const deps = { journal, store, clock: systemClock, random, observer, journalWatermark: 2 };
  const host = new Host(deps);
  await host.start(Array.from({ length: shardCount }, (_, shard) => shard));
  const turns: number[] = [];
  const whole: number[] = [];
  // The first ones are a warm-up.
  for (let round = -2; round < rounds; round += 1) {
    const list = Array.from({ length: receivers }, (_, i) =>
      `${round}-${i}-`.padEnd(idLength, 'receiver'),
    );
    // A text of its own, as it comes from another thread.
    const joined = Buffer.from(list.join(' ')).toString('latin1');
    await sleep(pauseMs);
    const watch = new Turns();
    const outcome = await new Promise<Outcome>((reply) => {
      const command = { kind: 'audience', senderId: 'sender', channel: 'feed' } as const;
      const request = { ...command, receivers: { joined }, anyone: false };
      host.handle({ batchId: String(100 + round), command: request, reply });
    });
    const { longestMs, allMs } = watch.end();
    if (outcome.code !== 'extended') throw new Error(`the audience came to ${outcome.code}`);
    if (round < 0) continue;
    turns.push(longestMs);
    whole.push(allMs);
  }
  await host.drain(drainMs);
  await close();
  const turnMsMax = Math.max(...turns);
  return { receivers, idLength, turnMs: median(turns), turnMsMax, cpuMs: median(whole) };
}

/** Turns of this thread's event loop, one after the other, until `end`. */
class Turns {
  #last = cpuMs();
  readonly #first = this.#last;
  #longestMs = 0;
  #going = true;

  constructor() {
    const turn = () => {
      const now = cpuMs();
      this.#longestMs = Math.max(this.#longestMs, now - this.#last);
      this.#last = now;
      if (this.#going) setImmediate(turn);
    };
    setImmediate(turn);
  }

  end(): { readonly longestMs: number; readonly allMs: number } {
    this.#going = false;
    return { longestMs: this.#longestMs, allMs: cpuMs() - this.#first };
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
