/** The payment server beside a bank with books of its own, on a clock that only tests move; and comparing the two. */
import { fakeBank, type FakeBank } from '../../engine/bank/fake.ts';
import type { BankLine } from '../../engine/bank/sandbox-books.ts';
import { systemClock } from '../../engine/adapters/clock.ts';
import { payOnce } from '../../engine/payment/steps.ts';
import type { Bank } from '../../engine/ports/bank.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { type Difference, type Patience } from '../../engine/reconcile/difference.ts';
import {
  reconcile,
  reconcileLedger,
  type Reconciled,
  type ReconcileInput,
} from '../../engine/reconcile/reconcile.ts';
import { openPool } from '../../engine/store/pool.ts';
import { paymentUnderTest, type PaymentUnderTest } from './payment-support.ts';

export interface ReconcilingUnderTest extends PaymentUnderTest {
  readonly bankHere: FakeBank;
  /** A step of a payout at that bank. */
  payAt(id: string): Promise<void>;
  /** The bank's books with these lines behind them, from now on. */
  rewrite(change: (lines: BankLine[]) => BankLine[]): void;
  /** Compares everything, or what `input` says. */
  compare(
    input?: Partial<ReconcileInput>,
    bank?: Pick<Bank, 'list' | 'query'>,
  ): Promise<Reconciled & { readonly differences: readonly Difference[] }>;
  /** Kinds found by reconciliation, each as often as it was told. */
  kinds(patience?: Patience): Promise<readonly string[]>;
  audited(): Promise<readonly Difference[]>;
}

export async function reconcilingUnderTest(): Promise<ReconcilingUnderTest> {
  const it = await paymentUnderTest({ dayCountMax: 10_000 });
  const clock = { ...systemClock, now: () => it.under.clock.now };
  const pool = await openPool({ url: it.under.url, poolMax: 1, applicationName: 'test' });
  let current = fakeBank(clock);
  const compare: ReconcilingUnderTest['compare'] = async (input, bank = current.bank) => {
    const differences: Difference[] = [];
    const deps = { pool, bank, now: () => it.under.clock.now };
    const span = { from: 0, until: it.under.clock.now, ...input };
    const reconciled = await reconcile(deps, span, (one) => void differences.push(one));
    return { ...reconciled, differences };
  };
  return {
    ...it,
    get bankHere() {
      return current;
    },
    async payAt(id) {
      await payOnce({ payments: it.payments, bank: current.bank, observer: silentObserver }, id);
    },
    rewrite(change) {
      const lines = current.books.records.map((order) => ({ line: 'order' as const, order }));
      current = fakeBank(clock, Math.random, change(lines));
    },
    compare,
    async kinds(patience) {
      const { differences } = await compare({ patience });
      return differences.map(({ kind }) => kind).toSorted();
    },
    async audited() {
      const differences: Difference[] = [];
      await reconcileLedger(it.under.books, (one) => void differences.push(one));
      return differences;
    },
    async close() {
      await pool.end();
      await it.close();
    },
  };
}
