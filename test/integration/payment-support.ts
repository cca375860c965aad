/** The payment server and the books on one real database, a scripted bank, and the few steps that every test takes. */
import { expect } from 'vitest';
import type { Tx } from '../../engine/books/types.ts';
import type { Payments, PaymentSteps, RequestResult } from '../../engine/payment/port.ts';
import { postgresPayments } from '../../engine/payment/postgres.ts';
import { withdrawalLimitsDefault, type WithdrawalLimits } from '../../engine/payment/settings.ts';
import type { WithdrawalStatus } from '../../engine/payment/state.ts';
import { payOnce, sendCode, type PayoutStep } from '../../engine/payment/steps.ts';
import type { CardKey } from '../../engine/payment/vault.ts';
import type { Bank, PayoutOrder, PayoutState } from '../../engine/ports/bank.ts';
import type { CodeMessage } from '../../engine/ports/code-sender.ts';
import { booksUnderTest, type BooksUnderTest } from './books-support.ts';

export const card = {
  holderName: 'Anna Zhang',
  cardNumber: '6222021234567890128',
  bank: 'Bank of Tests',
};
export const cardKey = (id: string, fill: number): CardKey => ({
  id,
  key: new Uint8Array(32).fill(fill),
});

type Query = PayoutState | { readonly code: 'not_found' };

/** A bank that says what it is told to, and keeps to its contract otherwise: an id is paid at most once. */
export class ScriptedBank implements Bank {
  readonly orders: PayoutOrder[] = [];
  readonly queries: string[] = [];
  readonly paid = new Map<string, PayoutOrder>();
  /** What is said next, once each; then it pays. */
  readonly payouts: ((order: PayoutOrder) => PayoutState | Promise<PayoutState>)[] = [];
  readonly answers: Query[] = [];

  pay(order: PayoutOrder): PayoutState {
    if (!this.paid.has(order.id)) this.paid.set(order.id, order);
    return { code: 'paid', reference: `ref-${order.id}`, at: 1 };
  }

  async payout(order: PayoutOrder): Promise<PayoutState> {
    this.orders.push(order);
    return (await this.payouts.shift()?.(order)) ?? this.pay(order);
  }

  query(id: string): Promise<Query> {
    this.queries.push(id);
    const paid = this.paid.get(id);
    const known: Query = paid === undefined ? { code: 'not_found' } : this.pay(paid);
    return Promise.resolve(this.answers.shift() ?? known);
  }

  // oxlint-disable-next-line require-yield -- reconciliation has tests of its own
  async *list(): AsyncGenerator<never> {
    throw new Error('not asked for here');
  }
}

export interface PaymentUnderTest {
  readonly under: BooksUnderTest;
  readonly payments: Payments & PaymentSteps;
  readonly bank: ScriptedBank;
  readonly sent: CodeMessage[];
  readonly became: WithdrawalStatus[];
  readonly alarms: string[];
  request(userId: string, amount: number, asset?: string): Promise<RequestResult>;
  /** Registered, funded and requested: the id. */
  requested(userId: string, amount: number): Promise<string>;
  codeOf(id: string): Promise<string>;
  /** Requested and verified: the id. */
  processing(userId: string, amount: number): Promise<string>;
  pay(id: string): Promise<PayoutStep>;
  status(userId: string, id: string): Promise<unknown>;
  account(userId: string, asset?: string): Promise<{ balance: number; held: number }>;
  /** The audit has nothing to say. */
  expectSound(): Promise<void>;
  close(): Promise<void>;
}

export async function paymentUnderTest(
  limits: Partial<WithdrawalLimits> = {},
  cardKeys: readonly CardKey[] = [cardKey('k1', 1)],
): Promise<PaymentUnderTest> {
  const under = await booksUnderTest();
  const became: WithdrawalStatus[] = [];
  const payments = await postgresPayments({
    url: under.url,
    cardKeys,
    limits: { ...withdrawalLimitsDefault, amountMin: 1, ...limits },
    payments: { became: (status) => void became.push(status), codeSent() {} },
    now: () => under.clock.now,
  });
  const bank = new ScriptedBank();
  const sent: CodeMessage[] = [];
  const alarms: string[] = [];
  const codeSender = {
    send: (message: CodeMessage) => {
      sent.push(message);
      return Promise.resolve(true);
    },
  };
  const observer = { alarm: (what: string) => void alarms.push(what) };

  const request: PaymentUnderTest['request'] = async (userId, amount, asset = 'CNY') => {
    let result: RequestResult | undefined;
    await payments.once(userId, 'test', undefined, async (tx: Tx) => {
      result = await payments.request(tx, { userId, asset, amount });
      return { status: 201, body: null, keep: result.code === 'requested' };
    });
    return result!;
  };
  const requested: PaymentUnderTest['requested'] = async (userId, amount) => {
    await payments.register(userId, card);
    await under.deposit(userId, amount);
    const result = await request(userId, amount);
    if (result.code !== 'requested') throw new Error(`request answered ${result.code}`);
    return result.withdrawal.id;
  };
  const codeOf: PaymentUnderTest['codeOf'] = async (id) => {
    await sendCode({ payments, codeSender }, id);
    return sent.findLast((message) => message.id === id)!.code;
  };
  return {
    under,
    payments,
    bank,
    sent,
    became,
    alarms,
    request,
    requested,
    codeOf,
    async processing(userId, amount) {
      const id = await requested(userId, amount);
      const { code } = await payments.verify(userId, id, await codeOf(id));
      expect(code).toBe('verified');
      return id;
    },
    pay: (id) => payOnce({ payments, bank, observer }, id),
    status: async (userId, id) => {
      const withdrawal = await payments.withdrawal(userId, id);
      return withdrawal && [withdrawal.status, withdrawal.reason];
    },
    async account(userId, asset = 'CNY') {
      const accounts = await under.books.accounts(userId);
      const found = accounts.find((account) => account.asset === asset);
      return { balance: found?.balance ?? 0, held: found?.held ?? 0 };
    },
    async expectSound() {
      const { assets, mismatches } = await under.books.audit();
      expect(mismatches).toBe(0);
      for (const { difference } of assets) expect(difference).toBe(0);
    },
    async close() {
      await payments.close();
      await under.close();
    },
  };
}

/** Another six digits. */
export const wrong = (code: string, by = 1): string =>
  String((Number(code) + by) % 1_000_000).padStart(6, '0');
