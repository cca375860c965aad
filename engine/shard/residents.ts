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
  #pinnedSize = 0;

  /** @param actorsMax wholly settled actors kept */
  constructor(actorsMax = residentActorsMax) {
    this.#settled = new LRUCache<string, Actor>({
      max: actorsMax,
      maxSize: residentClaimsMax,
      // A batch larger than the whole budget must still be kept while it is in use.
      sizeCalculation: (actor) => Math.min(actor.size, residentClaimsMax),
    });
  }

  get size(): number {
    return this.#unsettled.size + this.#settled.size;
  }

  /** Those that must stay, because something of theirs is unsettled, leave no room for another one. */
  get full(): boolean {
    return this.#unsettled.size >= residentActorsMax || this.#pinnedSize >= residentClaimsMax;
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
    const { size } = actor;
    this.#pinnedSize += size - actor.pinnedSize;
    actor.pinnedSize = size;
    if (this.#unsettled.has(actor.batchId)) return;
    this.#settled.delete(actor.batchId);
    this.#unsettled.set(actor.batchId, actor);
  }

  /** All jobs up to `settled` have taken effect; the actor may be evicted when its newest event is among them. */
  unpin(actor: Actor, settled: number): void {
    if (actor.newest > settled || this.#unsettled.get(actor.batchId) !== actor) return;
    this.#release(actor);
    // Its size is taken anew here.
    this.#settled.set(actor.batchId, actor);
  }

  #release(actor: Actor): void {
    this.#unsettled.delete(actor.batchId);
    this.#pinnedSize -= actor.pinnedSize;
    actor.pinnedSize = 0;
  }

  drop(batchId: string): void {
    const pinned = this.#unsettled.get(batchId);
    if (pinned !== undefined) this.#release(pinned);
    this.#settled.delete(batchId);
  }

  clear(): void {
    for (const actor of this.#unsettled.values()) this.#release(actor);
    this.#settled.clear();
  }

  dropShards(shards: ReadonlySet<number>): void {
    for (const actor of this.#unsettled.values()) if (shards.has(actor.shard)) this.#release(actor);
    for (const [id, actor] of this.#settled.entries())
      if (shards.has(actor.shard)) this.#settled.delete(id);
  }
}
