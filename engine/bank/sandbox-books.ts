/**
 * The books of the sandbox bank: orders by id, what became of each, and the payments made. What will become of an order
 * is decided when it is taken and written down before anybody is told, so a killed sandbox goes on where it was.
 */
import type { ListedPayout, PayoutOrder, PayoutRefusal } from '../ports/bank.ts';

/** One order as it is written down; never the card number. */
export interface BankRecord {
  readonly id: string;
  readonly asset: string;
  readonly amount: number;
  readonly last4: string;
  /** Never before an earlier record's. */
  readonly at: number;
  /** Before this time the bank knows nothing of it. */
  readonly knownAt: number;
  /** Pending until then. */
  readonly decidedAt: number;
  /** Undefined: it pays. */
  readonly refusal?: PayoutRefusal | undefined;
}

export type BankLine =
  | { readonly line: 'order'; readonly order: BankRecord }
  /** A further order with an id that was there; `amount` as it came. */
  | { readonly line: 'repeat'; readonly id: string; readonly amount: number; readonly at: number };

/** When and how an order is decided, counted from its arrival. */
export interface Decision {
  readonly knownAfterMs?: number;
  readonly decidedAfterMs?: number;
  readonly refusal?: PayoutRefusal;
}

export type Standing =
  | { readonly status: 'paid'; readonly record: BankRecord; readonly reference: string }
  | { readonly status: 'pending'; readonly record: BankRecord }
  | { readonly status: 'failed'; readonly record: BankRecord; readonly reason: PayoutRefusal };

export interface BankPage {
  readonly items: readonly ListedPayout[];
  readonly next: string | undefined;
}

export class BankBooks {
  readonly #now: () => number;
  readonly #write: (line: BankLine) => void;
  readonly #byId = new Map<string, BankRecord>();
  readonly #records: BankRecord[] = [];

  /** @param write returns when the line would survive the process; @param lines what was written before */
  constructor(options: {
    readonly now: () => number;
    readonly write?: (line: BankLine) => void;
    readonly lines?: Iterable<BankLine>;
  }) {
    this.#now = options.now;
    this.#write = options.write ?? (() => undefined);
    for (const line of options.lines ?? []) if (line.line === 'order') this.#keep(line.order);
  }

  #keep(record: BankRecord): void {
    this.#byId.set(record.id, record);
    this.#records.push(record);
  }

  /** The same id again changes nothing. `conflict`: it came with other terms. */
  order(
    order: Omit<PayoutOrder, 'card'> & { last4: string },
    decision: Decision = {},
  ): Standing | 'conflict' {
    const { id, asset, amount, last4 } = order;
    const now = this.#now();
    const known = this.#byId.get(id);
    if (known !== undefined) {
      this.#write({ line: 'repeat', id, amount, at: now });
      return known.asset === asset && known.amount === amount ? this.#standing(known) : 'conflict';
    }
    const { knownAfterMs = 0, decidedAfterMs = knownAfterMs, refusal } = decision;
    const at = Math.max(now, this.#records.at(-1)?.at ?? 0);
    const times = { at, knownAt: now + knownAfterMs, decidedAt: now + decidedAfterMs };
    const record: BankRecord = { id, asset, amount, last4, ...times, refusal };
    this.#write({ line: 'order', order: record });
    this.#keep(record);
    return this.#standing(record);
  }

  find(id: string): Standing | undefined {
    const record = this.#byId.get(id);
    return record === undefined || record.knownAt > this.#now()
      ? undefined
      : this.#standing(record);
  }

  #standing(record: BankRecord): Standing {
    if (record.decidedAt > this.#now()) return { status: 'pending', record };
    const { refusal } = record;
    if (refusal !== undefined) return { status: 'failed', record, reason: refusal };
    return { status: 'paid', record, reference: referenceOf(record) };
  }

  /** Orders known now, taken in [from, until), in the order they came. */
  page(from: number, until: number, cursor: string | undefined, limit: number): BankPage {
    const now = this.#now();
    const items: ListedPayout[] = [];
    let place = cursor === undefined ? this.#firstAt(from) : Number(cursor);
    for (; place < this.#records.length && items.length < limit; place += 1) {
      const record = this.#records[place];
      if (record === undefined || record.at >= until) break;
      if (record.knownAt > now) continue;
      const { id, asset, amount, at } = record;
      items.push({ id, asset, amount, state: this.#standing(record).status, at });
    }
    const rest = this.#records[place];
    const isMore = rest !== undefined && rest.at < until;
    return { items, next: isMore ? String(place) : undefined };
  }

  /** Records are in the order of their time. */
  #firstAt(from: number): number {
    let [low, high] = [0, this.#records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle]?.at ?? 0) < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get records(): readonly BankRecord[] {
    return this.#records;
  }
}

export function referenceOf({ id }: BankRecord): string {
  return `SB-${id}`;
}
