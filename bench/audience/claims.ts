/** Claims on other batches of the same thread, one after the other at a fixed rate whatever the answers take. */
import { setTimeout as sleep } from 'node:timers/promises';
import { receiverName, signToken } from '../load/tokens.ts';
import type { ApiClient } from '../support/client.ts';

export interface OtherBatch {
  readonly id: string;
  readonly key: string;
}

/** What one claim took, from when it was due. */
export interface Timed {
  readonly dueAt: number;
  readonly ms: number;
}

export class OtherClaims {
  readonly #client: ApiClient;
  readonly #batches: readonly OtherBatch[];
  readonly #tokens: readonly string[];
  readonly #timed: Timed[] = [];
  readonly #under = new Set<Promise<void>>();
  #going = true;
  #made = 0;
  #loop: Promise<void> | undefined;

  /** @param claims the most there will be, over all batches */
  constructor(client: ApiClient, secret: string, batches: readonly OtherBatch[], claims: number) {
    this.#client = client;
    this.#batches = batches;
    const receivers = Math.ceil(claims / batches.length);
    this.#tokens = Array.from({ length: receivers }, (_, i) => signToken(secret, receiverName(i)));
  }

  start(perSecond: number): void {
    this.#loop = this.#run(1_000 / perSecond);
  }

  async #run(everyMs: number): Promise<void> {
    let dueAt = performance.now();
    while (this.#going) {
      const claim = this.#claim(dueAt).finally(() => this.#under.delete(claim));
      this.#under.add(claim);
      dueAt += everyMs;
      const wait = dueAt - performance.now();
      if (wait > 0) await sleep(wait);
    }
  }

  async #claim(dueAt: number): Promise<void> {
    const batch = this.#batches[this.#made % this.#batches.length];
    const token = this.#tokens[Math.floor(this.#made / this.#batches.length)];
    if (batch === undefined || token === undefined) throw new Error('all claims are made');
    this.#made += 1;
    const path = `/v1/batches/${batch.id}/claims?open=true`;
    const { status } = await this.#client.call('POST', path, { token, body: { key: batch.key } });
    if (status !== 201) throw new Error(`a claim came to ${status}`);
    this.#timed.push({ dueAt, ms: performance.now() - dueAt });
  }

  /** What claims took that were due within this time. */
  between(from: number, to: number): number[] {
    return this.#timed.filter(({ dueAt }) => dueAt >= from && dueAt < to).map(({ ms }) => ms);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#loop;
    await Promise.all(this.#under);
  }
}
