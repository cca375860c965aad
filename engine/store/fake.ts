/**
 * The `Store` port in memory, with the semantics of the Postgres adapter (one contract suite runs over both):
 * transactions see their own changes, roll back when their work rejects, and hold row locks until they end.
 * Deterministic: no clock, no timer, no randomness. The controls let a simulator stall it, break commits, crash it.
 */
import { isEnded } from '../core/applicable.ts';
import { assert } from '../core/assert.ts';
import { shardOf } from '../core/hash.ts';
import type { BatchEvent, BatchParams } from '../core/types.ts';
import type {
  Applied,
  LoadedBatch,
  LockedOwner,
  Overdue,
  OwnerProgress,
  Store,
} from '../ports/store.ts';
import { accountKey, applyToFake } from './fake-apply.ts';
import { snapshotOf } from './fake-load.ts';
import { FakeConnectionLost, FakeData, FakeTransaction, Locks } from './fake-tables.ts';
import { escrowAccount } from './ledger.ts';

/** Counters of a batch right after confirmation. */
const zero = {
  version: 0,
  claimed: 0,
  opened: 0,
  openedAmount: 0,
  refundedAmount: 0,
  bestAmount: 0,
  bestPacket: 0,
  expired: false,
};

export interface FakeStoreOptions {
  readonly journalId?: string;
  /** As `synchronous_commit`: false lets a crash lose what was committed since the last `sync()`. */
  readonly synchronousCommit?: boolean;
  /** Right after a transaction of `withOwner` has committed. */
  readonly onCommit?: () => void;
  /** Every event has somebody who listens. */
  readonly isHeard?: boolean;
}

export class FakeStore implements Store {
  #data = new FakeData();
  /** Data as on disk, where that is older than what was committed. */
  #synced: FakeData | undefined;
  readonly #options: FakeStoreOptions;
  readonly #journalId: string;
  #locks = new Locks();
  #stall: PromiseWithResolvers<void> | undefined;
  #failing: 'before' | 'after' | undefined;

  constructor(options: FakeStoreOptions = {}) {
    this.#options = options;
    this.#journalId = options.journalId ?? '00000000-0000-4000-8000-000000000000';
  }

  // Controls of a test or simulator

  /** Every call and commit from now on waits until `resume`. */
  stall(): void {
    this.#stall ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#stall?.resolve();
    this.#stall = undefined;
  }

  /** The next commit rejects: `before` it took effect, or `after` (to the caller the outcome is unknown). */
  failNextCommit(when: 'before' | 'after'): void {
    this.#failing = when;
  }

  /** Ends every open transaction without effect; what was committed (and synced) stays. */
  crash(): void {
    const locks = this.#locks;
    this.#locks = new Locks();
    if (this.#synced !== undefined) this.#data = this.#synced;
    this.#synced = undefined;
    locks.crash();
  }

  /** All that was committed is on disk. */
  sync(): void {
    this.#synced = undefined;
  }

  /** Committed data, for an auditor. */
  get committed(): Readonly<FakeData> {
    return this.#data;
  }

  /** Confirms a batch that was added unconfirmed. */
  confirm(batchId: string): void {
    const batch = this.#data.batches.get(batchId);
    assert(batch?.standing.confirmed === false, 'a batch is confirmed once');
    const { params, standing } = batch;
    this.#data.batches.set(batchId, { ...batch, standing: { ...standing, confirmed: true } });
    this.#fund(params);
  }

  /** Adds a batch; when confirmed (the default), its total lies in its escrow account. */
  addBatch(params: BatchParams, confirmed = true): void {
    const { id, total, asset, mode, each, count, senderId, oncePerReceiver } = params;
    assert(!this.#data.batches.has(id), 'a batch is added once');
    const summary = { ...zero, count, total, mode, each, lastEventAt: params.createdAt };
    const rest = { anyone: false, confirmed, quarantined: false };
    const standing = { summary, senderId, asset, oncePerReceiver, ...rest };
    this.#data.batches.set(id, { params, receivers: new Set(), standing });
    if (confirmed) this.#fund(params);
  }

  #fund({ id, asset, total }: BatchParams): void {
    this.#data.balances.set(accountKey({ owner: escrowAccount(id), asset }), total);
  }

  /** Committed balance, minor units; 0 where there is no account. */
  balance(owner: string, asset: string): number {
    return this.#data.balances.get(accountKey({ owner, asset })) ?? 0;
  }

  /** Committed balances by `<owner> <asset>`, for an auditor. */
  balances(): ReadonlyMap<string, number> {
    return this.#data.balances;
  }

  // The port

  async journalId(): Promise<{ readonly id: string; readonly bound: boolean }> {
    await this.#turn();
    return { id: this.#journalId, bound: this.#data.bound };
  }

  async markBound(): Promise<void> {
    await this.#turn();
    this.#data.bound = true;
  }

  async newOwner(shards: readonly number[]): Promise<number> {
    await this.#turn();
    this.#data.lastNumber += 1;
    const number = this.#data.lastNumber;
    this.#data.owners.set(String(number), { number, settled: 0, quarantined: 0, dropped: 0 });
    for (const shard of new Set(shards)) this.#data.shardOwners.push({ shard, number });
    return number;
  }

  async earlierOwners(shards: readonly number[], number: number): Promise<readonly number[]> {
    await this.#turn();
    const earlier = this.#data.shardOwners.filter(
      (row) =>
        shards.includes(row.shard) && row.number < number && row.number >= this.#sealed(row.shard),
    );
    return [...new Set(earlier.map((row) => row.number))].sort((one, other) => one - other);
  }

  async seal(
    shards: readonly number[],
    number: number,
    earlier: readonly number[],
  ): Promise<boolean> {
    return this.#transaction(async (tx, lock) => {
      for (const owner of [...earlier].sort((one, other) => one - other))
        await lock(`owner ${owner}`);
      for (const shard of [...shards].sort((one, other) => one - other))
        await lock(`shard ${shard}`);
      if (shards.some((shard) => this.#sealed(shard) > number)) return false;
      for (const shard of shards) tx.sealed.set(shard, number);
      return true;
    });
  }

  async withOwner<T>(number: number, work: (owner: LockedOwner) => Promise<T>): Promise<T> {
    return this.#transaction(async (tx, lock) => {
      await lock(`owner ${number}`);
      assert(tx.owners.has(String(number)), `there is no owner ${number}`);
      let ended = false;
      const live = async () => {
        assert(!ended, 'an owner is used only inside its transaction');
        await this.#turn();
        tx.assertOpen();
      };
      try {
        return await work({
          get settled() {
            return tx.owner(number).settled;
          },
          sealedAbove: async (shards) => {
            await live();
            return new Set(shards.filter((shard) => this.#sealed(shard) > number));
          },
          apply: async (events) => {
            await live();
            return this.#apply(tx, lock, number, events);
          },
          advance: async (settled, dropped) => {
            await live();
            const owner = tx.owner(number);
            assert(settled >= owner.settled && dropped >= 0, 'settled moves only upwards');
            tx.owners.set(String(number), { ...owner, settled, dropped: owner.dropped + dropped });
          },
        });
      } finally {
        ended = true;
      }
    });
  }

  async progress(numbers: readonly number[]): Promise<readonly OwnerProgress[]> {
    await this.#turn();
    return numbers.flatMap((number) => {
      const owner = this.#data.owners.get(String(number));
      return owner === undefined
        ? []
        : [{ number, settled: owner.settled, quarantined: owner.quarantined }];
    });
  }

  async quarantinedBatches(number: number): Promise<readonly string[]> {
    await this.#turn();
    const rows = this.#data.quarantine.filter((row) => row.owner === number);
    return [...new Set(rows.map(({ event }) => event.batchId))].sort();
  }

  async load(batchId: string): Promise<LoadedBatch> {
    await this.#turn();
    return snapshotOf(this.#data, batchId);
  }

  async overdue(
    shards: readonly number[],
    now: number,
    limit: number,
    after?: Overdue,
  ): Promise<readonly Overdue[]> {
    await this.#turn();
    const due = [...this.#data.batches.values()].filter(
      ({ params, standing }) =>
        standing.confirmed &&
        !standing.quarantined &&
        !isEnded(standing.summary) &&
        params.expiresAt <= now &&
        shards.includes(shardOf(params.id)),
    );
    const inOrder = (one: Overdue, other: Overdue) =>
      one.expiresAt - other.expiresAt || byId(one.batchId, other.batchId);
    return due
      .map(({ params }) => ({ batchId: params.id, expiresAt: params.expiresAt }))
      .filter((one) => after === undefined || inOrder(one, after) > 0)
      .sort(inOrder)
      .slice(0, limit);
  }

  async close(): Promise<void> {
    await this.#turn();
  }

  // Inside

  /** Every call passes here: a turn of the microtask queue, the stall, and a crash meanwhile. */
  async #turn(): Promise<void> {
    const locks = this.#locks;
    await this.#stall?.promise;
    if (this.#locks !== locks) throw new FakeConnectionLost('the server crashed');
  }

  #sealed(shard: number): number {
    return this.#data.sealed.get(shard) ?? 0;
  }

  async #apply(
    tx: FakeTransaction,
    lock: (key: string) => Promise<void>,
    number: number,
    events: readonly BatchEvent[],
  ): Promise<Applied> {
    const batchIds = [...new Set(events.map(({ batchId }) => batchId))];
    for (const batchId of batchIds.sort()) await lock(`batch ${batchId}`);
    return { ...applyToFake(tx, number, events), isHeard: this.#options.isHeard === true };
  }

  async #transaction<T>(
    work: (tx: FakeTransaction, lock: (key: string) => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const locks = this.#locks;
    await this.#turn();
    const tx = new FakeTransaction(this.#data, () => this.#locks === locks);
    const held = new Set<string>();
    let over = false;
    const lock = async (key: string) => {
      tx.assertOpen();
      if (held.has(key)) return;
      await locks.acquire(key);
      held.add(key);
      if (!over) return;
      // Its transaction was given up while it waited: nobody would ever release this lock.
      locks.release(key);
      throw new FakeConnectionLost('the transaction is over');
    };
    try {
      const result = await work(tx, lock);
      await this.#turn();
      this.#commit(tx);
      return result;
    } finally {
      over = true;
      for (const key of held) locks.release(key);
    }
  }

  #commit(tx: FakeTransaction): void {
    tx.assertOpen();
    const failing = this.#failing;
    this.#failing = undefined;
    if (failing === 'before') throw new FakeConnectionLost('lost before the commit');
    if (this.#options.synchronousCommit === false) this.#synced ??= this.#data.copy();
    tx.commit();
    this.#options.onCommit?.();
    if (failing === 'after') throw new FakeConnectionLost('lost after the commit');
  }
}

function byId(one: string, other: string): number {
  const difference = BigInt(one) - BigInt(other);
  return difference < 0n ? -1 : Number(difference > 0n);
}
