/**
 * Lease keeper: decides which shards this node should own, so that live nodes share them evenly, and keeps leases
 * and threads in step. It only decides who tries (DESIGN "Leases"); nothing here may be needed for safety.
 */
import { leaseBeatMs, leaseTtlMs, shardCount } from '../limits.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { LeaseView, Leases, NodeView } from '../ports/leases.ts';

export interface LeaseKeeperDeps {
  readonly leases: Leases;
  readonly clock: Clock;
  readonly node: NodeView;
  /** Shards that threads of this node serve right now. */
  served(): ReadonlySet<number>;
  /** The threads should serve exactly these from now on. */
  assign(shards: readonly number[]): void;
  onError(error: unknown): void;
}

export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  #view: LeaseView = { nodes: [], holders: [] };
  #timer: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();
  #closing = false;
  #assigned: readonly number[] = [];

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
  }

  /** Takes its first leases and goes on; resolves after the first heartbeat. */
  async start(): Promise<void> {
    await this.#beat();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closing) return;
    this.#timer = this.#deps.clock.after(leaseBeatMs, () => {
      this.#beating = this.#beat()
        .catch((error: unknown) => this.#deps.onError(error))
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

  async #beat(): Promise<void> {
    const { leases, node } = this.#deps;
    const view = await leases.beat(node, leaseTtlMs);
    const held = shardsOf(view, node.id);
    const share = Math.ceil(shardCount / Math.max(1, view.nodes.length));
    // Shards given up before are only waiting to be served no more.
    const wanted = held.slice(0, share);
    if (held.length < share)
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
    await this.#deps.leases.leave(this.#deps.node.id);
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
