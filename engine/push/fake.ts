/** Pushes in memory, with the faults that a test wants; several gateways may share one. */
import type { Listening, Push, Pushes, PushType } from './port.ts';

interface Listener {
  newest: number;
  purged: number;
  kept: Push[];
}

type Hear = (userIds: readonly string[] | undefined) => void;

export class FakePushes implements Pushes {
  readonly #listeners = new Map<string, Listener>();
  readonly #watchers: Hear[] = [];
  readonly touched: string[] = [];
  reads = 0;
  /** Reads under way at the same time, at most. */
  readsAtOnce = 0;
  #reading = 0;
  /** No word of a push is heard. */
  silent = false;
  /** Every call rejects with it. */
  failure: Error | undefined;
  /** What reads wait for. */
  gate: Promise<unknown> = Promise.resolve();
  /** What listening waits for. */
  listenGate: Promise<unknown> = Promise.resolve();

  /** What the settling transaction does. @returns the number; undefined for who does not listen */
  push(userId: string, type: PushType, data: Push['data']): number | undefined {
    const listener = this.#listeners.get(userId);
    if (listener === undefined) return undefined;
    listener.newest += 1;
    listener.kept.push({ no: listener.newest, type, data });
    if (!this.silent) this.say([userId]);
    return listener.newest;
  }

  /** Word to all who watch, a moment later. */
  say(userIds: readonly string[] | undefined): void {
    queueMicrotask(() => {
      for (const hear of this.#watchers) hear(userIds);
    });
  }

  /** Housekeeping: pushes up to this number are gone. */
  purge(userId: string, upTo: number): void {
    const listener = this.#listeners.get(userId);
    if (listener === undefined) return;
    listener.purged = Math.max(listener.purged, upTo);
    listener.kept = listener.kept.filter(({ no }) => no > upTo);
  }

  /** Housekeeping: the user is no listener any more. */
  forget(userId: string): void {
    this.#listeners.delete(userId);
  }

  async listen(userId: string): Promise<Listening> {
    await this.listenGate;
    this.#fail();
    const listener = this.#listeners.get(userId) ?? { newest: 0, purged: 0, kept: [] };
    this.#listeners.set(userId, listener);
    return { newest: listener.newest, purged: listener.purged };
  }

  async read(userId: string, after: number, limit: number): Promise<readonly Push[]> {
    this.reads += 1;
    this.#reading += 1;
    this.readsAtOnce = Math.max(this.readsAtOnce, this.#reading);
    try {
      await this.gate;
      this.#fail();
      const kept = this.#listeners.get(userId)?.kept ?? [];
      return kept.filter(({ no }) => no > after).slice(0, limit);
    } finally {
      this.#reading -= 1;
    }
  }

  async newest(userIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    await Promise.resolve();
    this.#fail();
    const found = new Map<string, number>();
    for (const userId of userIds) {
      const listener = this.#listeners.get(userId);
      if (listener !== undefined) found.set(userId, listener.newest);
    }
    return found;
  }

  touch(userIds: readonly string[]): Promise<void> {
    this.touched.push(...userIds);
    return Promise.resolve();
  }

  watch(hear: Hear): void {
    this.#watchers.push(hear);
  }

  close(): Promise<void> {
    this.#watchers.length = 0;
    return Promise.resolve();
  }

  #fail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
