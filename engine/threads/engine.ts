/** The Engine of this process: shard threads behind one interface. */
import type {
  AudienceOutcome,
  AudienceRequest,
  CaughtUp,
  ClaimOutcome,
  ClaimRequest,
  Engine,
  EngineStatus,
  OpenOutcome,
  OpenRequest,
} from '../api.ts';
import { assert } from '../core/assert.ts';
import type { Command } from '../core/command.ts';
import { shardOf } from '../core/hash.ts';
import { drainTimeoutMs, requestTimeoutMs, shardCount } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { HostStatus } from '../shard/host.ts';
import { unknown, type Outcome } from '../shard/request.ts';
import type { Logger } from '../adapters/log.ts';
import { Acknowledged } from './acknowledged.ts';
import type { ThreadData } from './protocol.ts';
import { ShardThread } from './shard-thread.ts';

export interface EngineSettings extends Omit<ThreadData, 'name' | 'shards'> {
  readonly threads: number;
}

export interface EngineDeps {
  readonly store: Pick<Store, 'progress'>;
  readonly clock: Clock;
  readonly logger: Logger;
  onHopeless(reason: string): void;
}

/** Starts the shard threads; resolves once all shards are served. */
export async function startEngine(settings: EngineSettings, deps: EngineDeps): Promise<Engine> {
  const { threads: count, ...shared } = settings;
  assert(count >= 1 && count <= shardCount, 'between one thread and one for each shard');
  const threads = Array.from({ length: count }, (_, index) => {
    const shards = Array.from({ length: shardCount }, (__, shard) => shard).filter(
      (shard) => shard % count === index,
    );
    return new ShardThread({ ...shared, name: `shards-${index}`, shards }, deps.logger, (reason) =>
      deps.onHopeless(reason),
    );
  });
  await Promise.all(threads.map((thread) => thread.start()));
  return new ThreadedEngine(threads, deps);
}

class ThreadedEngine implements Engine {
  readonly #threads: readonly ShardThread[];
  readonly #acknowledged: Acknowledged;
  readonly #clock: Clock;

  constructor(threads: readonly ShardThread[], deps: EngineDeps) {
    this.#threads = threads;
    this.#acknowledged = new Acknowledged(deps.store, deps.clock);
    this.#clock = deps.clock;
  }

  #run(batchId: string, command: Command, userId: string): Promise<Outcome> {
    const thread = this.#threads[shardOf(batchId) % this.#threads.length];
    assert(thread !== undefined, 'every shard has a thread');
    return new Promise((resolve) => {
      // The answer may still come; the client is told that nobody knows, and repeats.
      const timer = this.#clock.after(requestTimeoutMs, () => resolve(unknown));
      thread.request(batchId, command, (outcome, number, seq) => {
        timer.cancel();
        this.#acknowledged.note(number, seq, userId, batchId);
        resolve(outcome);
      });
    });
  }

  claim(request: ClaimRequest): Promise<ClaimOutcome> {
    const { batchId, receiverId, linkKey, open, tag } = request;
    const command: Command = { kind: 'claim', receiverId, linkKey, open, tag };
    return this.#run(batchId, command, receiverId) as Promise<ClaimOutcome>;
  }

  open(request: OpenRequest): Promise<OpenOutcome> {
    const { batchId, receiverId, packetId } = request;
    return this.#run(
      batchId,
      { kind: 'open', receiverId, packetId },
      receiverId,
    ) as Promise<OpenOutcome>;
  }

  extendAudience(request: AudienceRequest): Promise<AudienceOutcome> {
    const { batchId, ...rest } = request;
    return this.#run(
      batchId,
      { kind: 'audience', ...rest },
      request.senderId,
    ) as Promise<AudienceOutcome>;
  }

  caughtUp(about: {
    userId?: string;
    batchId?: string;
    after?: string | undefined;
  }): Promise<CaughtUp> {
    return this.#acknowledged.caughtUp(about);
  }

  status(): EngineStatus {
    let shardsServed = 0;
    let reason: string | undefined;
    for (const { status } of this.#threads) {
      shardsServed += status?.shardsServed ?? 0;
      if (status?.journalFull === true) reason = 'journal_memory';
      if (status?.journalStalled === true) reason = 'journal_unreachable';
    }
    if (shardsServed < shardCount) reason = 'shards_not_served';
    return { ready: reason === undefined, shardsServed, reason };
  }

  async pendingEvents(): Promise<number> {
    const statuses = await Promise.all(this.#threads.map((thread) => thread.ask('status')));
    return statuses.reduce<number>((sum, status) => {
      return sum + ((status as HostStatus | undefined)?.unsettledEvents ?? 0);
    }, 0);
  }

  async metrics(): Promise<readonly object[]> {
    const told = await Promise.all(this.#threads.map((thread) => thread.ask('metrics')));
    return told.filter((value): value is object => value !== undefined);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close(drainTimeoutMs)));
  }
}
