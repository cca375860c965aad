/**
 * Loads batches that are not in memory. No actor is kept for an unconfirmed or unknown batch, and such an answer
 * serves only requests older than the load that said so (DESIGN "Single writer").
 */
import type { LoadedBatch, Store } from '../ports/store.ts';
import type { Request } from './request.ts';

interface Loading {
  /** Came before the load began. */
  readonly older: Request[];
  /** Came while it ran: a refusal by this load is no answer for them. */
  readonly younger: Request[];
}

export interface LoaderDeps {
  readonly store: Pick<Store, 'load'>;
  /** The batch is active: its requests, oldest first. */
  onActive(loaded: Extract<LoadedBatch, { kind: 'active' }>, requests: readonly Request[]): void;
  onRefused(code: 'batch_not_found' | 'not_active' | 'quarantined', request: Request): void;
  onFailed(error: unknown, request: Request): void;
}

export class Loader {
  readonly #deps: LoaderDeps;
  readonly #loading = new Map<string, Loading>();
  #size = 0;

  constructor(deps: LoaderDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#size;
  }

  /** Requests that wait for this batch. */
  depth(batchId: string): number {
    const loading = this.#loading.get(batchId);
    return loading === undefined ? 0 : loading.older.length + loading.younger.length;
  }

  load(request: Request): void {
    this.#size += 1;
    const running = this.#loading.get(request.batchId);
    if (running === undefined) this.#start(request.batchId, [request]);
    else running.younger.push(request);
  }

  #start(batchId: string, older: Request[]): void {
    const loading = { older, younger: [] };
    this.#loading.set(batchId, loading);
    this.#deps.store.load(batchId).then(
      (loaded) => this.#finish(batchId, loading, loaded),
      (error: unknown) => {
        for (const request of this.#end(batchId, loading)) this.#deps.onFailed(error, request);
      },
    );
  }

  #end(batchId: string, loading: Loading): Request[] {
    if (this.#loading.get(batchId) !== loading) return [];
    this.#loading.delete(batchId);
    const requests = [...loading.older, ...loading.younger];
    this.#size -= requests.length;
    return requests;
  }

  #finish(batchId: string, loading: Loading, loaded: LoadedBatch): void {
    if (this.#loading.get(batchId) !== loading) return;
    if (loaded.kind === 'active') {
      this.#deps.onActive(loaded, this.#end(batchId, loading));
      return;
    }
    const code = loaded.kind === 'unknown' ? 'batch_not_found' : loaded.kind;
    this.#end(batchId, loading);
    for (const request of loading.older) this.#deps.onRefused(code, request);
    if (loading.younger.length > 0) {
      this.#size += loading.younger.length;
      this.#start(batchId, loading.younger);
    }
  }

  /** Forgets the loads of which `isLost` holds and returns who waited. */
  drop(isLost: (batchId: string) => boolean): Request[] {
    const dropped: Request[] = [];
    for (const [batchId, loading] of this.#loading) {
      if (isLost(batchId)) dropped.push(...this.#end(batchId, loading));
    }
    return dropped;
  }
}
