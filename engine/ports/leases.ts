/**
 * Leases: which node tries to own which shard. They only spread the work and name the node to ask; safety rests on
 * owner numbers and seals alone (invariant 2), so a lease may be wrong at any time.
 */

export interface NodeView {
  readonly id: string;
  /** Where other nodes reach its HTTP server. */
  readonly url: string;
}

/** A process that runs as a node. */
export interface NodeProcess extends NodeView {
  /** Random for each process: tells it from another one that was given the same id. */
  readonly incarnation: string;
}

/** How leases stood at one heartbeat. */
export interface LeaseView {
  /** Nodes whose heartbeat is fresh, the asking one included, by id. */
  readonly nodes: readonly NodeView[];
  /** Node id by shard (0 … 255); undefined where the lease is free. */
  readonly holders: readonly (string | undefined)[];
}

/** Heartbeats and leases of all nodes on one database. */
export interface Leases {
  /**
   * Heartbeat: renews the node and its leases for `ttlMs`, and shows how things stand.
   *
   * The first one of a process takes the id, and the leases with it, from whoever had it: usually its own dead
   * predecessor.
   *
   * @returns undefined, and nothing is renewed, while another process that took the id since is not silent
   */
  beat(node: NodeProcess, ttlMs: number, first: boolean): Promise<LeaseView | undefined>;
  /** Takes up to `limit` free leases for `ttlMs`; resolves with the shards taken. */
  acquire(nodeId: string, limit: number, ttlMs: number): Promise<readonly number[]>;
  /** Frees leases that the node holds. */
  release(nodeId: string, shards: readonly number[]): Promise<void>;
  /** Frees all of the node's leases and forgets it, unless another process has taken its id since. */
  leave(node: Pick<NodeProcess, 'id' | 'incarnation'>): Promise<void>;
}
