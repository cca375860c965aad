/** The Engine of this process: shard threads behind one interface. */
import { randomUUID } from 'node:crypto';
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
import { joinedIds } from '../core/id-list.ts';
import { drainTimeoutMs, shardCount } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import { parseJobId } from '../ports/journal.ts';
import type { Leases, NodeView } from '../ports/leases.ts';
import type { Store } from '../ports/store.ts';
import type { HostStatus } from '../shard/host.ts';
import type { Outcome } from '../shard/request.ts';
import type { Logger } from '../adapters/log.ts';
import { Acknowledged, concerned } from './acknowledged.ts';
import { LeaseKeeper, NodeIdTaken } from './lease-keeper.ts';
import type { ThreadData } from './protocol.ts';
import { ShardThread } from './shard-thread.ts';

/** `unsettledBytesMax` is the process's; its threads get equal parts. */
export interface EngineSettings extends Omit<ThreadData, 'name' | 'shards'> {
  readonly threads: number;
  /** This process among the nodes of one database. */
  readonly node: NodeView;
}

export interface EngineDeps {
  readonly store: Pick<Store, 'progress'>;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onHopeless: (reason: string) => void;
}

/** Starts the shard threads; resolves once the shards that were free are served. */
export async function startEngine(settings: EngineSettings, deps: EngineDeps): Promise<Engine> {
  const { threads: count, node, ...rest } = settings;
  const shared = { ...rest, unsettledBytesMax: rest.unsettledBytesMax / count };
  assert(count >= 1 && count <= shardCount, 'between one thread and one for each shard');
  const threads = Array.from(
    { length: count },
    (_, index) => new ShardThread({ ...shared, name: `shards-${index}` }, deps),
  );
  const keeper = new LeaseKeeper({
    node: { ...node, incarnation: randomUUID() },
    leases: deps.leases,
    clock: deps.clock,
    served: () => new Set(threads.flatMap(({ status }) => status?.served ?? [])),
    assign(shards) {
      for (const [index, thread] of threads.entries()) {
        thread.assign(shards.filter((shard) => shard % count === index));
      }
    },
    onError(error) {
      if (error instanceof NodeIdTaken) deps.logger.error(error.message);
      else deps.logger.warn({ error: String(error) }, 'lease heartbeat failed');
    },
  });
  await keeper.start();
  await Promise.all(threads.map((thread) => thread.start()));
  return new ThreadedEngine(threads, keeper, deps);
}

class ThreadedEngine implements Engine {
  readonly #threads: readonly ShardThread[];
  readonly #keeper: LeaseKeeper;
  readonly #acknowledged: Acknowledged;

  constructor(threads: readonly ShardThread[], keeper: LeaseKeeper, deps: EngineDeps) {
    this.#threads = threads;
    this.#keeper = keeper;
    this.#acknowledged = new Acknowledged(deps.store, deps.clock);
  }

  #run(batchId: string, command: Command, userId: string): Promise<Outcome> {
    const thread = this.#threads[shardOf(batchId) % this.#threads.length];
    assert(thread !== undefined, 'every shard has a thread');
    return new Promise((resolve) => {
      thread.request(batchId, command, (outcome, number, seq) => {
        this.#acknowledged.note(number, seq, concerned(outcome, userId), batchId);
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
    const { batchId, receivers, ...rest } = request;
    const command: Command = { kind: 'audience', receivers: joinedIds(receivers), ...rest };
    return this.#run(batchId, command, request.senderId) as Promise<AudienceOutcome>;
  }

  caughtUp(about: {
    userId?: string;
    batchId?: string;
    after?: string | undefined;
  }): Promise<CaughtUp> {
    return this.#acknowledged.caughtUp(about);
  }

  holderUrl(batchId: string): string | undefined {
    // Alone, as usual: nothing to look up.
    return this.#keeper.isAlone ? undefined : this.#keeper.holder(shardOf(batchId))?.url;
  }

  toldAbout(batchId: string): string | undefined {
    return this.#acknowledged.newest(batchId);
  }

  noteForwarded(position: string, userId: string, batchId: string): void {
    const job = parseJobId(position);
    if (job !== undefined) this.#acknowledged.note(job.number, job.seq, userId, batchId);
  }

  status(): EngineStatus {
    const served = new Set<number>();
    let reason: string | undefined;
    for (const { status } of this.#threads) {
      for (const shard of status?.served ?? []) served.add(shard);
      if (status?.unsettledFull === true) reason = 'unsettled_full';
      if (status?.journalFull === true) reason = 'journal_memory';
      if (status?.journalStalled === true) reason = 'journal_unreachable';
    }
    for (let shard = 0; shard < shardCount; shard += 1) {
      if (!served.has(shard) && this.#keeper.holder(shard) === undefined)
        reason = 'shards_not_served';
    }
    return { ready: reason === undefined, shardsServed: served.size, reason };
  }

  async pendingEvents(): Promise<number> {
    const counts = await Promise.all(
      this.#threads.map(async (thread) => {
        // Of a thread that does not answer: what it said last.
        const status = ((await thread.ask('status')) as HostStatus | undefined) ?? thread.status;
        return status?.unsettledEvents ?? 0;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async metrics(): Promise<readonly object[]> {
    const told = await Promise.all(this.#threads.map((thread) => thread.ask('metrics')));
    return told.filter((value): value is object => value !== undefined);
  }

  async close(): Promise<void> {
    // The leases go last: whoever takes the shards over should find their answers given.
    await Promise.all(this.#threads.map((thread) => thread.close(drainTimeoutMs)));
    await this.#keeper.close();
  }
}
