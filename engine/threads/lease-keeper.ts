/**
 * Lease keeper: decides which shards this node should own, so that live nodes share them evenly, and keeps leases
 * and threads in step. It only decides who tries (DESIGN "Leases"); nothing here may be needed for safety.
 */
import { leaseBeatMs, leaseTtlMs, shardCount } from '../limits.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { LeaseView, Leases, NodeProcess, NodeView } from '../ports/leases.ts';

export interface LeaseKeeperDeps {
  readonly leases: Leases;
  readonly clock: Clock;
  readonly node: NodeProcess;
  /** Shards that threads of this node serve right now. */
  served(): ReadonlySet<number>;
  /** The threads should serve exactly these from now on. */
  assign(shards: readonly number[]): void;
  onError(error: unknown): void;
}

/** Two processes run under one NODE_ID; the older one serves nothing until the other is silent. */
export class NodeIdTaken extends Error {
  override readonly name = 'NodeIdTaken';
}

const nothing: LeaseView = { nodes: [], holders: [] };

export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  #view = nothing;
  #timer: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();
  #closing = false;
  #assigned: readonly number[] = [];
  /** When the last heartbeat went well; undefined before the first, and after one that failed. */
  #beatenAt: number | undefined;
  #isTaken = false;

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
  }

  /** Takes its first leases and goes on; resolves after the first heartbeat. */
  async start(): Promise<void> {
    await this.#beat(true);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closing) return;
    this.#timer = this.#deps.clock.after(leaseBeatMs, () => {
      this.#beating = this.#beat(false)
        .catch((error: unknown) => {
          this.#beatenAt = undefined;
          this.#deps.onError(error);
        })
        .then(() => this.#schedule());
    });
  }

  /** Another node that holds the shard's lease; undefined when it is this one's, or free. */
  holder(shard: number): NodeView | undefined {
    const id = this.#view.holders[shard];
    if (id === undefined || id === this.#deps.node.id) return undefined;
    return this.#view.nodes.find((node) => node.id === id);
  }

  /** No other node is alive. */
  get isAlone(): boolean {
    return this.#view.nodes.length <= 1;
  }

  /** Shards that no live node holds. */
  get free(): number {
    return shardCount - this.#view.holders.filter((holder) => holder !== undefined).length;
  }

  async #beat(first: boolean): Promise<void> {
    const { leases, node, clock } = this.#deps;
    const view = await leases.beat(node, leaseTtlMs, first);
    const now = clock.monotonic();
    // After a pause of Postgres every node looks dead to the first that beats: the others get a round's time.
    const waits = !first && (this.#beatenAt === undefined || now - this.#beatenAt > leaseTtlMs);
    this.#beatenAt = now;
    if (view === undefined) {
      this.#giveWay();
      return;
    }
    this.#isTaken = false;
    const held = shardsOf(view, node.id);
    const share = Math.ceil(shardCount / Math.max(1, view.nodes.length));
    // Shards given up before are only waiting to be served no more.
    const wanted = held.slice(0, share);
    if (held.length < share && !waits)
      wanted.push(...(await leases.acquire(node.id, share - held.length, leaseTtlMs)));
    this.#view = withHolder(view, node.id, wanted);
    if (wanted.join() !== this.#assigned.join() || this.#isBehind(wanted)) {
      this.#assigned = wanted;
      this.#deps.assign(wanted);
    }
    const served = this.#deps.served();
    const surplus = held.filter((shard) => !wanted.includes(shard) && !served.has(shard));
    if (surplus.length > 0) await leases.release(node.id, surplus);
  }

  /** The leases are the other process's now. */
  #giveWay(): void {
    this.#view = nothing;
    this.#assigned = [];
    if (this.#isTaken) return;
    this.#isTaken = true;
    this.#deps.assign([]);
    const { id } = this.#deps.node;
    this.#deps.onError(
      new NodeIdTaken(`NODE_ID ${id} is used by another process: give each process its own`),
    );
  }

  /** A thread lost a shard whose lease is still ours. */
  #isBehind(wanted: readonly number[]): boolean {
    const served = this.#deps.served();
    return wanted.some((shard) => !served.has(shard));
  }

  /** Frees everything at once, so that others need not wait for the leases to run out. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#timer?.cancel();
    await this.#beating;
    await this.#deps.leases.leave(this.#deps.node);
  }
}

function shardsOf(view: LeaseView, nodeId: string): number[] {
  return view.holders.flatMap((holder, shard) => (holder === nodeId ? [shard] : []));
}

function withHolder(view: LeaseView, nodeId: string, shards: readonly number[]): LeaseView {
  const holders = [...view.holders];
  for (const shard of shards) holders[shard] = nodeId;
  return { ...view, holders };
}
