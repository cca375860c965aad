/**
 * The sandbox bank without HTTP: for tests of what stands above the port, and for a look at what a sandbox has written
 * down. Under the same contract tests.
 */
import { payoutRefusals, type Bank, type ListedPayout, type PayoutState } from '../ports/bank.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { BankBooks, type BankLine, type Decision, type Standing } from './sandbox-books.ts';
import { type Fault, Faults } from './faults.ts';

const pageSize = 100;

export interface FakeBank {
  readonly bank: Bank;
  readonly books: BankBooks;
  readonly faults: Faults;
}

/** @param lines what a sandbox has written down */
export function fakeBank(
  clock: Clock,
  random: () => number = Math.random,
  lines: Iterable<BankLine> = [],
): FakeBank {
  const books = new BankBooks({ now: () => clock.now(), lines });
  const faults = new Faults(random);
  const unknown = (reason: string): PayoutState => ({ code: 'unknown', reason });

  const bank: Bank = {
    async payout({ id, asset, amount, card }) {
      const fault = faults.strike('payout', id);
      if (fault?.kind === 'error_before') return unknown('status_500');
      if (fault?.kind === 'silent_before') return unknown('silent');
      const last4 = card.cardNumber.slice(-4);
      const standing = books.order({ id, asset, amount, last4 }, decisionOf(fault));
      if (fault?.kind === 'slow') await sleep(clock, fault.delayMs);
      const lost = lostAnswer(fault);
      if (lost !== undefined) return unknown(lost);
      if (standing === 'conflict') return unknown('status_409');
      return fault?.kind === 'stale' ? { code: 'pending' } : stateOf(standing);
    },
    async query(id, terms) {
      const fault = faults.strike('query', id);
      if (fault?.kind === 'slow') await sleep(clock, fault.delayMs);
      const lost = lostAnswer(fault);
      if (lost !== undefined) return unknown(lost);
      const standing = books.find(id);
      if (standing === undefined) return { code: 'not_found' };
      const { asset, amount } = standing.record;
      if (terms !== undefined && (terms.asset !== asset || terms.amount !== amount)) {
        return unknown('senseless');
      }
      return fault?.kind === 'stale' ? { code: 'pending' } : stateOf(standing);
    },
    async *list(from, until): AsyncGenerator<ListedPayout> {
      let cursor: string | undefined;
      do {
        const fault = faults.strike('list', undefined);
        if (fault?.kind === 'stale') return;
        const page = books.page(from, until, cursor, pageSize);
        yield* fault?.kind === 'twice' ? twice(page.items) : page.items;
        cursor = page.next;
      } while (cursor !== undefined);
    },
  };
  return { bank, books, faults };
}

/** What an order that this fault strikes becomes. */
export function decisionOf(fault: Fault | undefined): Decision {
  switch (fault?.kind) {
    case 'refuse':
      return { refusal: payoutRefusals[0] };
    case 'refuse_late':
      return { refusal: payoutRefusals[0], decidedAfterMs: fault.delayMs };
    case 'late':
      return { decidedAfterMs: fault.delayMs };
    case 'forgotten':
      return { knownAfterMs: fault.delayMs };
    default:
      return {};
  }
}

/** Every item twice, the newest first. */
export function twice<Item>(items: readonly Item[]): Item[] {
  return [...items, ...items].toReversed();
}

/** Why nobody understands the answer, where the fault takes it away. */
function lostAnswer(fault: Fault | undefined): string | undefined {
  switch (fault?.kind) {
    case 'error_before':
    case 'error_after':
      return 'status_500';
    case 'silent_before':
    case 'silent_after':
    case 'forgotten':
      return 'silent';
    case 'malformed':
      return 'senseless';
    default:
      return undefined;
  }
}

export function stateOf(standing: Standing): PayoutState {
  switch (standing.status) {
    case 'paid':
      return { code: 'paid', reference: standing.reference, at: standing.record.decidedAt };
    case 'failed':
      return { code: 'failed', reason: standing.reason };
    case 'pending':
      return { code: 'pending' };
  }
}
