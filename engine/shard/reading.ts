/**
 * Reading: a long list of receivers is read slice by slice before its actor decides, so that the other batches of the
 * thread do not stand still for it. Its request comes again when it is read; nothing was decided until then. (E8)
 */
import { assert } from '../core/assert.ts';
import type { BatchState } from '../core/state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Request } from './request.ts';

export interface ReadingDeps {
  readonly clock: Clock;
  /** The list of this request has been read. */
  onRead(request: Request): void;
  onFailed(error: unknown, request: Request): void;
}

export class Reading {
  readonly #deps: ReadingDeps;
  readonly #requests = new Set<Request>();

  constructor(deps: ReadingDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** True when there is a list to be read first. */
  begin(state: BatchState, request: Request): boolean {
    const { command } = request;
    if (command.kind !== 'audience') return false;
    const slices = state.listed.reading(command.receivers);
    if (slices === undefined) return false;
    this.#requests.add(request);
    this.#readOn(slices, request);
    return true;
  }

  #readOn(slices: Iterator<void>, request: Request): void {
    if (!this.#requests.has(request)) return;
    try {
      if (slices.next().done === true) {
        this.#requests.delete(request);
        this.#deps.onRead(request);
        return;
      }
    } catch (error) {
      this.#requests.delete(request);
      this.#deps.onFailed(error, request);
      return;
    }
    this.#deps.clock.soon(() => this.#readOn(slices, request));
  }

  /** Forgets the requests of which `isLost` holds and returns them. */
  drop(isLost: (batchId: string) => boolean): Request[] {
    const dropped = [...this.#requests].filter(({ batchId }) => isLost(batchId));
    for (const request of dropped) assert(this.#requests.delete(request), 'it was there');
    return dropped;
  }
}
