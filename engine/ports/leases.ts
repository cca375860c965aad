/**
 * Leases: which node tries to own which shard. They only spread the work and name the node to ask; safety rests on
 * owner numbers and seals alone (invariant 2), so a lease may be wrong at any time.
 */

export interface NodeView {
  readonly id: string;
  /** Where other nodes reach its HTTP server. */
  readonly url: string;
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
  /** Heartbeat: renews the node and its leases for `ttlMs`, and shows how things stand. */
  beat(node: NodeView, ttlMs: number): Promise<LeaseView>;
  /** Takes up to `limit` free leases for `ttlMs`; resolves with the shards taken. */
  acquire(nodeId: string, limit: number, ttlMs: number): Promise<readonly number[]>;
  /** Frees leases that the node holds. */
  release(nodeId: string, shards: readonly number[]): Promise<void>;
  /** Frees all of the node's leases and forgets it. */
  leave(nodeId: string): Promise<void>;
}
