/**
 * Which actors are in memory. One with an unsettled event stays; one that is wholly settled may be evicted, least
 * recently used first (DESIGN "Evict"): a later load then finds everything in the store.
 */
import { LRUCache } from 'lru-cache';
import { residentActorsMax, residentClaimsMax } from '../limits.ts';
import type { Actor } from './actor.ts';

export class Residents {
  readonly #unsettled = new Map<string, Actor>();
  readonly #settled: LRUCache<string, Actor>;

  /** @param actorsMax wholly settled actors kept */
  constructor(actorsMax = residentActorsMax) {
    this.#settled = new LRUCache<string, Actor>({
      max: actorsMax,
      maxSize: residentClaimsMax,
      // A batch larger than the whole budget must still be kept while it is in use.
      sizeCalculation: (actor) => Math.min(1 + actor.state.receiverIds.length, residentClaimsMax),
    });
  }

  get size(): number {
    return this.#unsettled.size + this.#settled.size;
  }

  /** Actors that must stay, because something of theirs is unsettled. */
  get pinned(): number {
    return this.#unsettled.size;
  }

  get(batchId: string): Actor | undefined {
    return this.#unsettled.get(batchId) ?? this.#settled.get(batchId);
  }

  /** An actor fresh from the store. */
  add(actor: Actor): void {
    this.#settled.set(actor.batchId, actor);
  }

  /** It has decided an event that is not settled yet. */
  pin(actor: Actor): void {
    if (this.#unsettled.has(actor.batchId)) return;
    this.#settled.delete(actor.batchId);
    this.#unsettled.set(actor.batchId, actor);
  }

  /** All jobs up to `settled` have taken effect; the actor may be evicted when its newest event is among them. */
  unpin(actor: Actor, settled: number): void {
    if (actor.newest > settled || this.#unsettled.get(actor.batchId) !== actor) return;
    this.#unsettled.delete(actor.batchId);
    this.#settled.set(actor.batchId, actor);
  }

  drop(batchId: string): void {
    this.#unsettled.delete(batchId);
    this.#settled.delete(batchId);
  }

  clear(): void {
    this.#unsettled.clear();
    this.#settled.clear();
  }

  dropShards(shards: ReadonlySet<number>): void {
    for (const [id, actor] of this.#unsettled)
      if (shards.has(actor.shard)) this.#unsettled.delete(id);
    for (const [id, actor] of this.#settled.entries())
      if (shards.has(actor.shard)) this.#settled.delete(id);
  }
}
