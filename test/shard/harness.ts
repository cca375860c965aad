/** One shard host over the fakes, on a virtual clock: what happens between decision and answer, step by step. */
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import type { Command } from '../../engine/core/command.ts';
import type { BatchParams } from '../../engine/core/types.ts';
import { fakeJournal } from '../../engine/journal/fake.ts';
import { bindJournal } from '../../engine/journal/open.ts';
import { shardCount } from '../../engine/limits.ts';
import type { Journal } from '../../engine/ports/journal.ts';
import { silentObserver, type Observer } from '../../engine/ports/observer.ts';
import { Host } from '../../engine/shard/host.ts';
import type { Outcome } from '../../engine/shard/request.ts';
import { FakeStore } from '../../engine/store/fake.ts';
import { startSettleWorker } from '../../workers/settle.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

export const allShards = Array.from({ length: shardCount }, (_, shard) => shard);
export const linkKey = 'the-key-of-the-link-0001';

export function batchOf(clock: VirtualClock, over: Partial<BatchParams> = {}): BatchParams {
  return {
    id: '7',
    mode: 'lucky',
    count: 5,
    total: 1_000,
    each: undefined,
    asset: 'CNY',
    greeting: '',
    senderId: 'sender',
    oncePerReceiver: true,
    linkKey,
    createdAt: clock.now(),
    expiresAt: clock.now() + 3_600_000,
    ...over,
  };
}

/** A question to an actor and, once it has come, the answer. */
export interface Asked {
  readonly outcome: Outcome | undefined;
}

export class Stage {
  readonly clock = new VirtualClock();
  readonly store = new FakeStore();
  readonly alarms: string[] = [];
  readonly ended: string[] = [];
  lost = 0;
  readonly observer: Observer = {
    ...silentObserver,
    alarm: (what) => this.alarms.push(what),
    ownerEnded: (reason) => this.ended.push(reason),
    lost: (shards) => {
      this.lost += shards;
    },
  };
  readonly fake = fakeJournal({ clock: this.clock, random: seededRandom(1) });

  /** A bound journal, and a batch whose audience is anyone with the key. */
  static async open(over: Partial<BatchParams> = {}): Promise<Stage> {
    const stage = new Stage();
    await stage.finish(bindJournal(stage.store, stage.fake.journal));
    stage.store.addBatch(batchOf(stage.clock, over));
    return stage;
  }

  /** Runs the clock until the promise has settled. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const end = () => {
      done = true;
    };
    promise.then(end, end);
    for (let steps = 0; steps < 100_000; steps += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (done) break;
      await this.clock.step();
    }
    if (!done) throw new Error('it never settles');
    return promise;
  }

  async host(journal: Journal = this.fake.journal, shards = allShards): Promise<Host> {
    const { clock, store, observer } = this;
    const host = new Host({
      clock,
      store,
      observer,
      journal,
      random: seededRandom(2),
      journalWatermark: 0.8,
    });
    await this.finish(host.start(shards));
    return host;
  }

  settle(journal: Journal = this.fake.open()) {
    const { clock, store, observer } = this;
    return this.finish(startSettleWorker({ clock, store, observer, journal }));
  }

  ask(host: Host, command: Command, batchId = '7'): Asked {
    const asked: { outcome: Outcome | undefined } = { outcome: undefined };
    host.handle({
      batchId,
      command,
      reply: (outcome) => {
        if (asked.outcome !== undefined) throw new Error('answered twice');
        asked.outcome = outcome;
      },
    });
    return asked;
  }

  /** Asks and lets time pass until the answer is there. */
  async answer(host: Host, command: Command, batchId = '7'): Promise<Outcome> {
    const asked = this.ask(host, command, batchId);
    for (let steps = 0; asked.outcome === undefined && steps < 10_000; steps += 1)
      await this.clock.step();
    if (asked.outcome === undefined) throw new Error('never answered');
    return asked.outcome;
  }

  async everybodyMayClaim(host: Host, batchId = '7'): Promise<void> {
    await this.answer(
      host,
      { kind: 'audience', senderId: 'sender', channel: 'qr', receivers: [], anyone: true },
      batchId,
    );
  }
}

export function claim(receiverId: string, open = false): Command {
  return { kind: 'claim', receiverId, linkKey, open, tag: undefined };
}
