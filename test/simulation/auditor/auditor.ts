/**
 * The auditor: sees every commit, every job kept, every result that leaves a host and every answer to a client, and
 * checks invariants 1–7 on its own model. It imports nothing of the engine but types.
 */
import type { Outcome } from '../../../engine/shard/request.ts';
import type { Operation } from '../workload.ts';
import { Durable } from './durable.ts';
import { must } from './history.ts';
import { LedgerAudit, type LedgerView } from './ledger.ts';
import { checkOrder, type Page } from './order.ts';
import type { Told } from './told.ts';

interface PacketTold {
  readonly userId: string;
  amount: number | undefined;
}

/** A page as a client got it. */
export interface PageTold {
  readonly batchId: string;
  readonly userId: string;
  /** The incarnation of the process that was asked. */
  readonly node: string;
  readonly after: string | undefined;
  readonly askedAt: number;
  readonly version: number;
  readonly balance: number;
}

export class Auditor {
  readonly durable = new Durable();
  readonly ledger = new LedgerAudit();
  /** Batches with a poison event: what was told of them waits for an operator. */
  readonly poisoned: ReadonlySet<string>;
  readonly #counts: ReadonlyMap<string, number>;
  readonly #told = new Map<string, Told[]>();
  readonly #pages = new Map<string, Page[]>();
  readonly #packets = new Map<string, PacketTold>();
  /** What nodes told: `<node> <batch>` → jobs, `<node> <user>` → packets with amounts. */
  readonly #nodeJobs = new Map<string, Set<string>>();
  readonly #nodeAmounts = new Map<string, Map<string, number>>();
  readonly #confirmedAt = new Map<string, number>();
  #moment = 0;

  constructor(poisoned: ReadonlySet<string>, counts: ReadonlyMap<string, number>) {
    this.poisoned = poisoned;
    this.#counts = counts;
  }

  /** The next moment of the auditor's own count. */
  moment(): number {
    return ++this.#moment;
  }

  confirmed(batchId: string): void {
    this.#confirmedAt.set(batchId, this.moment());
  }

  /** A result is leaving a host. */
  released(batchId: string, outcome: Outcome): void {
    const count = this.#counts.get(batchId);
    if (count !== undefined && !this.poisoned.has(batchId))
      this.durable.checkReleased(batchId, count, outcome);
  }

  /** A client has its answer. @throws Violation when it contradicts an earlier one at once */
  told(operation: Operation, outcome: Outcome, askedAt: number, node: string): void {
    const { batchId, userId } = operation;
    if (outcome.code === 'batch_not_found') {
      must(
        !this.#counts.has(batchId),
        () => `batch ${batchId} is there, ${userId} was told it is not`,
      );
      return;
    }
    if (outcome.code === 'not_active') {
      const confirmedAt = this.#confirmedAt.get(batchId) ?? Infinity;
      must(askedAt < confirmedAt, () => `batch ${batchId}: "not active" after its confirmation`);
      return;
    }
    if (outcome.code === 'quarantined') {
      must(this.poisoned.has(batchId), () => `batch ${batchId} is in quarantine without poison`);
      return;
    }
    if ('packet' in outcome) this.#notePacket(userId, batchId, outcome.packet, node);
    const answers = this.#told.get(batchId) ?? [];
    this.#told.set(batchId, answers);
    answers.push({ operation, outcome, askedAt, toldAt: this.moment() });
  }

  #notePacket(
    userId: string,
    batchId: string,
    view: {
      readonly packetId: string;
      readonly amount: number | undefined;
      readonly position: string;
    },
    node: string,
  ): void {
    const known = this.#packets.get(view.packetId);
    const { amount } = view;
    if (known === undefined) this.#packets.set(view.packetId, { userId, amount });
    else {
      must(known.userId === userId, () => `packet ${view.packetId}: ${known.userId} and ${userId}`);
      must(
        known.amount === undefined || amount === undefined || known.amount === amount,
        () => `packet ${view.packetId}: amounts ${known.amount} and ${amount}`,
      );
      known.amount ??= amount;
    }
    const jobs = this.#nodeJobs.get(`${node} ${batchId}`) ?? new Set();
    this.#nodeJobs.set(`${node} ${batchId}`, jobs.add(view.position));
    if (amount === undefined || this.poisoned.has(batchId)) return;
    const amounts = this.#nodeAmounts.get(`${node} ${userId}`) ?? new Map<string, number>();
    this.#nodeAmounts.set(`${node} ${userId}`, amounts.set(view.packetId, amount));
  }

  /** What this node has told, to be compared with a page that is asked for now. */
  toldBy(node: string, batchId: string, userId: string): { version: number; amount: number } {
    const jobs = this.#nodeJobs.get(`${node} ${batchId}`) ?? new Set<string>();
    const versions = [...jobs].map((job) => this.durable.versionIn(job, batchId));
    const amounts = this.#nodeAmounts.get(`${node} ${userId}`) ?? new Map<string, number>();
    return {
      version: Math.max(0, ...versions),
      amount: [...amounts.values()].reduce((sum, amount) => sum + amount, 0),
    };
  }

  page(page: PageTold, before: { readonly version: number; readonly amount: number }): void {
    const { batchId, version, balance, userId, after } = page;
    if (this.poisoned.has(batchId)) return;
    const wanted = after === undefined ? 0 : this.durable.versionIn(after, batchId);
    must(
      version >= before.version,
      () => `page of ${batchId}: version ${version}, told ${before.version}`,
    );
    must(
      version >= wanted,
      () => `page of ${batchId}: version ${version}, after ${after} (${wanted})`,
    );
    must(balance >= before.amount, () => `balance of ${userId}: ${balance}, told ${before.amount}`);
    const pages = this.#pages.get(batchId) ?? [];
    this.#pages.set(batchId, pages);
    pages.push({ askedAt: page.askedAt, toldAt: this.moment(), version });
  }

  /** All that was told against the final ledger. @throws Violation */
  checkAll(view: LedgerView): void {
    this.ledger.check(view);
    this.ledger.checkUnchanged(view);
    for (const [id, { params }] of view.batches) {
      if (this.poisoned.has(id)) continue;
      const history = this.ledger.histories.get(id);
      const told = this.#told.get(id) ?? [];
      if (history === undefined) {
        must(told.length === 0, () => `batch ${params.id} was never confirmed, yet it answered`);
        continue;
      }
      checkOrder(history, told, this.#pages.get(id) ?? []);
    }
    for (const { event, reason } of view.quarantine)
      must(
        this.poisoned.has(event.batchId),
        () => `quarantine without poison: ${event.batchId} ${reason}`,
      );
  }
}
