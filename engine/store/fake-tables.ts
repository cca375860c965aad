/** Parts of the fake store: tables with staged changes, row locks, and the committed data. */
import { assert } from '../core/assert.ts';
import type { BatchEvent, BatchParams, Packet } from '../core/types.ts';
import type { Quarantined, Standing } from './plan.ts';

/** A table as one transaction sees it: its own staged rows over the committed ones. Rows are immutable values. */
export class Staged<Row> {
  readonly #committed: Map<string, Row>;
  readonly #staged = new Map<string, Row>();

  constructor(committed: Map<string, Row>) {
    this.#committed = committed;
  }

  get(key: string): Row | undefined {
    return this.#staged.get(key) ?? this.#committed.get(key);
  }

  has(key: string): boolean {
    return this.#staged.has(key) || this.#committed.has(key);
  }

  set(key: string, row: Row): void {
    this.#staged.set(key, row);
  }

  commit(): void {
    for (const [key, row] of this.#staged) this.#committed.set(key, row);
  }
}

/** The fake server went away under a transaction or a call; what was committed stays. */
export class FakeConnectionLost extends Error {
  override readonly name = 'FakeConnectionLost';
}

interface Waiter {
  readonly grant: () => void;
  readonly refuse: (error: Error) => void;
}

/** Row locks, granted in the order of asking; a crash refuses all that wait. */
export class Locks {
  readonly #queues = new Map<string, Waiter[]>();

  async acquire(key: string): Promise<void> {
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#queues.set(key, []);
      return;
    }
    await new Promise<void>((grant, refuse) => queue.push({ grant, refuse }));
  }

  release(key: string): void {
    const queue = this.#queues.get(key);
    const next = queue?.shift();
    if (next === undefined) this.#queues.delete(key);
    else next.grant();
  }

  crash(): void {
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    for (const waiter of queues.flat()) waiter.refuse(new FakeConnectionLost('the server crashed'));
  }
}

export interface FakeOwner {
  readonly number: number;
  readonly settled: number;
  readonly quarantined: number;
  readonly dropped: number;
}

export interface FakeBatch {
  readonly params: BatchParams;
  readonly standing: Standing;
  readonly receivers: ReadonlySet<string>;
}

export interface FakeQuarantined extends Quarantined {
  readonly owner: number;
}

/** What was committed. Keys: owner number, batch id, `<batch>/<version>`, `<batch>/<packet>`. */
export class FakeData {
  readonly owners = new Map<string, FakeOwner>();
  readonly batches = new Map<string, FakeBatch>();
  readonly events = new Map<string, BatchEvent>();
  readonly packets = new Map<string, Packet>();
  /** `<batch>/<receiver>/<guard>` and `<batch>/<receiver>/key/<key>`: the two unique indexes. */
  readonly unique = new Map<string, true>();
  readonly balances = new Map<string, number>();
  readonly quarantine: FakeQuarantined[] = [];
  readonly sealed = new Map<number, number>();
  readonly shardOwners: { readonly shard: number; readonly number: number }[] = [];
  lastNumber = 0;
  bound = false;

  /** What a crash goes back to. Rows are immutable, so the tables alone are copied. */
  copy(): FakeData {
    const copy = new FakeData();
    for (const name of ['owners', 'batches', 'events', 'packets', 'unique', 'balances'] as const) {
      const table: Map<string, unknown> = copy[name];
      for (const [key, row] of this[name]) table.set(key, row);
    }
    for (const [shard, number] of this.sealed) copy.sealed.set(shard, number);
    copy.quarantine.push(...this.quarantine);
    copy.shardOwners.push(...this.shardOwners);
    copy.lastNumber = this.lastNumber;
    copy.bound = this.bound;
    return copy;
  }
}

/** One transaction's view. Balances are kept as changes, because different batches share accounts. */
export class FakeTransaction {
  readonly owners: Staged<FakeOwner>;
  readonly batches: Staged<FakeBatch>;
  readonly events: Staged<BatchEvent>;
  readonly packets: Staged<Packet>;
  readonly unique: Staged<true>;
  readonly changes = new Map<string, number>();
  readonly quarantine: FakeQuarantined[] = [];
  /** Seals by shard. */
  readonly sealed = new Map<number, number>();
  readonly #data: FakeData;
  readonly #isOpen: () => boolean;

  /** @param isOpen false once the fake server crashed under it */
  constructor(data: FakeData, isOpen: () => boolean) {
    this.#data = data;
    this.#isOpen = isOpen;
    this.owners = new Staged(data.owners);
    this.batches = new Staged(data.batches);
    this.events = new Staged(data.events);
    this.packets = new Staged(data.packets);
    this.unique = new Staged(data.unique);
  }

  assertOpen(): void {
    if (!this.#isOpen()) throw new FakeConnectionLost('the server crashed');
  }

  /** The row of an owner that is there. */
  owner(number: number): FakeOwner {
    const owner = this.owners.get(String(number));
    assert(owner !== undefined, `there is no owner ${number}`);
    return owner;
  }

  change(account: string, amount: number): void {
    this.changes.set(account, (this.changes.get(account) ?? 0) + amount);
  }

  balance(account: string): number {
    return (this.#data.balances.get(account) ?? 0) + (this.changes.get(account) ?? 0);
  }

  /** Whether the batch has rows in quarantine through this owner. */
  isQuarantined(owner: number, batchId: string): boolean {
    const matches = (row: FakeQuarantined) => row.owner === owner && row.event.batchId === batchId;
    return this.quarantine.some(matches) || this.#data.quarantine.some(matches);
  }

  commit(): void {
    for (const table of [this.owners, this.batches, this.events, this.packets, this.unique])
      table.commit();
    for (const [account, amount] of this.changes) {
      this.#data.balances.set(account, (this.#data.balances.get(account) ?? 0) + amount);
    }
    for (const [shard, number] of this.sealed) this.#data.sealed.set(shard, number);
    this.#data.quarantine.push(...this.quarantine);
  }
}
