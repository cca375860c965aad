/**
 * The drill of payouts can fail: workers that break one rule each are found by its comparison, and the worker as it is
 * passes on the same faults. The same with processes that are killed: `npm run drill -- --payouts --mutant NAME`. (E17)
 */
import { expect, it } from 'vitest';
import type { FaultInput } from '../../engine/bank/faults.ts';
import { readPayoutBooks } from '../drill/payouts/books.ts';
import { checkPayouts } from '../drill/payouts/check.ts';
import { mutatedBank, payoutMutants } from '../drill/payouts/mutants.ts';
import type { Told } from '../drill/payouts/users.ts';
import { Findings } from '../drill/findings.ts';
import { amount, payoutsUnderTest } from './payout-support.ts';

const patienceMs = 300;

/** One payout each, in parallel: paid unheard, ordered unheard, known only later, decided only later. */
const faults: readonly FaultInput[] = [
  { kind: 'silent_after', times: 1 },
  { kind: 'silent_before', times: 1 },
  { kind: 'forgotten', times: 1, delayMs: 8 * patienceMs },
  { kind: 'refuse_late', delayMs: 2 * patienceMs },
  { kind: 'late', delayMs: 2 * patienceMs },
];

async function findingsOf(mutant: string | undefined): Promise<string[]> {
  const under = await payoutsUnderTest(patienceMs);
  const worker = await under.worker({ bank: mutatedBank(under.bank, mutant) });
  try {
    const told = await Promise.all(
      faults.map(async (fault, i): Promise<Told> => {
        const user = `user-${i}`;
        const id = await under.requested(user);
        under.sandbox.faults.add({ ...fault, id });
        await under.payments.verify(user, id, await under.codeOf(id));
        const end = await under.ended(user, id);
        return { id, statuses: ['processing', end] };
      }),
    );
    // What a bank knows and decides later is in its books by now.
    await new Promise((resolve) => setTimeout(resolve, 8 * patienceMs));
    const { records } = under.sandbox.books;
    const lines = records.map((order) => ({ line: 'order', order }) as const);
    const books = await readPayoutBooks(under.pool, under.books, { lines, told });
    expect(books.ours.map((one) => one.amount)).toEqual(faults.map(() => amount));
    const findings = new Findings();
    checkPayouts(books, findings);
    return findings.all.map(({ kind, text }) => `${kind}: ${text}`);
  } finally {
    await worker.close();
    await under.close();
  }
}

it('the worker as it is passes', { timeout: 60_000 }, async () => {
  expect(await findingsOf(undefined)).toEqual([]);
});

it.concurrent.each(payoutMutants)('%s is caught', { timeout: 60_000 }, async (mutant) => {
  expect(await findingsOf(mutant)).not.toEqual([]);
});
