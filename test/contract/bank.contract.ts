/** What every Bank does, whatever goes wrong on the way: the HTTP adapter on the sandbox, and the fake. (E17 ¶213) */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Faults } from '../../engine/bank/faults.ts';
import type { BankBooks } from '../../engine/bank/sandbox-books.ts';
import type { Bank, ListedPayout, PayoutOrder } from '../../engine/ports/bank.ts';

export interface BankUnderTest {
  readonly bank: Bank;
  readonly books: BankBooks;
  readonly faults: Faults;
  readonly close: () => Promise<void>;
}

export function orderOf(id: string, amount = 500): PayoutOrder {
  const card = { holderName: '本 Ben', cardNumber: '4111111111111111', bank: 'ICBC' };
  return { id, asset: 'CNY', amount, card };
}

async function listOf(bank: Bank, from = 0, until = Date.now() + 60_000): Promise<ListedPayout[]> {
  const listed: ListedPayout[] = [];
  for await (const payout of bank.list(from, until)) listed.push(payout);
  return listed;
}

async function until(wanted: string, ask: () => Promise<{ code: string }>): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    if ((await ask()).code === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never ${wanted}`);
}

export function bankContract(name: string, open: () => Promise<BankUnderTest>): void {
  describe(`bank: ${name}`, () => {
    let under: BankUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());

    it('pays an order once, and tells the same of it for ever', async () => {
      const { bank, books } = under;
      const paid = await bank.payout(orderOf('w-1'));
      expect(paid).toEqual({ code: 'paid', reference: 'SB-w-1', at: expect.any(Number) as number });
      expect(await bank.payout(orderOf('w-1'))).toEqual(paid);
      expect(await bank.query('w-1')).toEqual(paid);
      expect(books.records).toHaveLength(1);
      expect(JSON.stringify(books.records)).not.toContain('4111111111111111');
    });

    it('does not know what became of an order with other terms', async () => {
      const { bank } = under;
      await bank.payout(orderOf('w-1'));
      const terms = { asset: 'CNY', amount: 500 };
      expect(await bank.query('w-1', terms)).toMatchObject({ code: 'paid' });
      for (const other of [
        { ...terms, amount: 501 },
        { ...terms, asset: 'USD' },
      ]) {
        expect(await bank.query('w-1', other)).toMatchObject({ code: 'unknown' });
      }
    });

    it('keeps ids apart that need encoding', async () => {
      const { bank } = under;
      await bank.payout(orderOf('a/../b?c#d %'));
      expect(await bank.query('a/../b?c#d %')).toMatchObject({ code: 'paid' });
      expect(await bank.query('b')).toEqual({ code: 'not_found' });
    });

    it('does not know what was never ordered', async () => {
      expect(await under.bank.query('w-none')).toEqual({ code: 'not_found' });
    });

    it('concludes nothing when an id comes back with other terms', async () => {
      const { bank, books } = under;
      await bank.payout(orderOf('w-1', 500));
      expect(await bank.payout(orderOf('w-1', 600))).toMatchObject({ code: 'unknown' });
      expect(books.records.map(({ amount }) => amount)).toEqual([500]);
    });

    it('fails for good what the bank definitely refuses', async () => {
      const { bank, faults } = under;
      faults.add({ kind: 'refuse', id: 'w-1', times: 1 });
      const failed = { code: 'failed', reason: 'card_refused' };
      expect(await bank.payout(orderOf('w-1'))).toEqual(failed);
      expect(await bank.query('w-1')).toEqual(failed);
      expect(await bank.payout(orderOf('w-1'))).toEqual(failed);
    });

    it.each(['paid', 'failed'])('waits for what is decided later: %s', async (end) => {
      const { bank, faults } = under;
      faults.add({ kind: end === 'paid' ? 'late' : 'refuse_late', delayMs: 60 });
      expect(await bank.payout(orderOf('w-1'))).toEqual({ code: 'pending' });
      expect(await bank.query('w-1')).toEqual({ code: 'pending' });
      await until(end, () => bank.query('w-1'));
    });

    it.each(['error_before', 'silent_before'] as const)(
      'concludes nothing from %s, and nothing was ordered',
      async (kind) => {
        const { bank, faults } = under;
        faults.add({ kind, times: 1 });
        expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'unknown' });
        expect(await bank.query('w-1')).toEqual({ code: 'not_found' });
        expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
      },
    );

    it.each(['error_after', 'silent_after', 'malformed'] as const)(
      'concludes nothing from %s; a query tells that it was paid, a repeat pays nothing',
      async (kind) => {
        const { bank, books, faults } = under;
        faults.add({ kind, times: 1 });
        expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'unknown' });
        const paid = await bank.query('w-1');
        expect(paid).toMatchObject({ code: 'paid' });
        expect(await bank.payout(orderOf('w-1'))).toEqual(paid);
        expect(books.records).toHaveLength(1);
      },
    );

    it('pays once what was forgotten for a while and ordered again meanwhile', async () => {
      const { bank, books, faults } = under;
      faults.add({ kind: 'forgotten', times: 1, delayMs: 600 });
      expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'unknown' });
      expect(await bank.query('w-1')).toEqual({ code: 'not_found' });
      expect(await bank.payout(orderOf('w-1'))).toEqual({ code: 'pending' });
      await until('paid', () => bank.query('w-1'));
      expect(books.records).toHaveLength(1);
    });

    it('passes a stale answer on as what it is: pending after paid', async () => {
      const { bank, faults } = under;
      expect(await bank.payout(orderOf('w-1'))).toMatchObject({ code: 'paid' });
      faults.add({ kind: 'stale', on: 'query', times: 1 });
      expect(await bank.query('w-1')).toEqual({ code: 'pending' });
      expect(await bank.query('w-1')).toMatchObject({ code: 'paid' });
    });

    it('lists every payout of a time span over many pages', async () => {
      const { bank, books } = under;
      for (let i = 0; i < 1_050; i += 1)
        books.order({ id: `w-${i}`, asset: 'CNY', amount: i + 1, last4: '1111' });
      const listed = await listOf(bank);
      expect(listed.map(({ id }) => id)).toEqual(Array.from({ length: 1_050 }, (_, i) => `w-${i}`));
      expect(listed[7]).toEqual({
        id: 'w-7',
        asset: 'CNY',
        amount: 8,
        state: 'paid',
        at: books.records[7]?.at,
      });
      expect(await listOf(bank, Date.now() + 1_000)).toEqual([]);
      expect(await listOf(bank, 0, 1)).toEqual([]);
    });

    it('lists each payout at least once when the bank repeats itself, with what became of it', async () => {
      const { bank, faults } = under;
      await bank.payout(orderOf('w-paid'));
      faults.add({ kind: 'refuse', id: 'w-failed' });
      await bank.payout(orderOf('w-failed'));
      faults.add({ kind: 'late', id: 'w-pending', delayMs: 60_000 });
      await bank.payout(orderOf('w-pending'));
      faults.add({ kind: 'twice', on: 'list' });
      const states = (await listOf(bank)).map(({ id, state }) => `${id} ${state}`);
      expect(states).toHaveLength(6);
      expect(new Set(states)).toEqual(
        new Set(['w-paid paid', 'w-failed failed', 'w-pending pending']),
      );
    });
  });
}
