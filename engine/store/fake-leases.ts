/** The `Leases` port in memory. */
import { shardCount } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Leases, NodeProcess } from '../ports/leases.ts';

interface Lease {
  node: string | undefined;
  until: number;
}

/** Several nodes share what one call returns. Its clock is the store's. */
export function fakeLeases(clock: Pick<Clock, 'now'>): Leases {
  const nodes = new Map<string, NodeProcess & { readonly until: number }>();
  const leases: Lease[] = Array.from({ length: shardCount }, () => ({ node: undefined, until: 0 }));
  const holder = ({ node, until }: Lease) => (until >= clock.now() ? node : undefined);
  /** Another process has the id and is not silent. */
  const isTaken = ({ id, incarnation }: Pick<NodeProcess, 'id' | 'incarnation'>) => {
    const known = nodes.get(id);
    return known !== undefined && known.incarnation !== incarnation && known.until >= clock.now();
  };
  return {
    async beat(node, ttlMs, first) {
      if (!first && isTaken(node)) return undefined;
      const until = clock.now() + ttlMs;
      nodes.set(node.id, { ...node, until });
      for (const lease of leases) if (lease.node === node.id) lease.until = until;
      const fresh = [...nodes.values()].filter((other) => other.until >= clock.now());
      return {
        nodes: fresh
          .map(({ id, url }) => ({ id, url }))
          .sort((one, other) => (one.id < other.id ? -1 : 1)),
        holders: leases.map(holder),
      };
    },
    async acquire(nodeId, limit, ttlMs) {
      const taken: number[] = [];
      for (const [shard, lease] of leases.entries()) {
        if (taken.length === limit) break;
        if (holder(lease) !== undefined) continue;
        lease.node = nodeId;
        lease.until = clock.now() + ttlMs;
        taken.push(shard);
      }
      return taken;
    },
    async release(nodeId, shards) {
      for (const shard of shards) {
        const lease = leases[shard];
        if (lease?.node === nodeId) lease.node = undefined;
      }
    },
    async leave(node) {
      if (isTaken(node)) return;
      nodes.delete(node.id);
      for (const lease of leases) if (lease.node === node.id) lease.node = undefined;
    },
  };
}
