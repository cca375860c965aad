/** The payout worker against every fault of the sandbox: each withdrawal ends, and is paid once or not at all. (E17) */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultInput } from '../../engine/bank/faults.ts';
import { type PayoutsUnderTest, payoutsUnderTest, until } from './payout-support.ts';

let under: PayoutsUnderTest;
const closers: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  under = await payoutsUnderTest();
});
afterEach(async () => {
  for (const closer of closers.splice(0)) await closer.close();
  await under.close();
});

async function workers(...parts: Parameters<PayoutsUnderTest['worker']>[0][]): Promise<void> {
  for (const part of parts) closers.push(await under.worker(part));
}

/** What the bank has paid of this withdrawal. */
const paidBy = (id: string) =>
  under.sandbox.books.records.filter(
    (record) => record.id === id && under.sandbox.books.find(id)?.status === 'paid',
  ).length;

const endings: readonly (readonly [name: string, faults: FaultInput[], end: 'paid' | 'failed'])[] =
  [
    ['nothing', [], 'paid'],
    ['slow', [{ kind: 'slow', delayMs: 100 }], 'paid'],
    ['too slow', [{ kind: 'slow', delayMs: 600, times: 1 }], 'paid'],
    ['refused', [{ kind: 'refuse' }], 'failed'],
    ['refused later', [{ kind: 'refuse_late', delayMs: 400 }], 'failed'],
    ['paid later', [{ kind: 'late', delayMs: 400 }], 'paid'],
    ['an error before', [{ kind: 'error_before', times: 2 }], 'paid'],
    ['an error after', [{ kind: 'error_after', times: 1 }], 'paid'],
    ['silence before', [{ kind: 'silent_before', times: 1 }], 'paid'],
    ['silence after', [{ kind: 'silent_after', times: 1 }], 'paid'],
    ['forgotten for a while', [{ kind: 'forgotten', times: 1, delayMs: 1_500 }], 'paid'],
    ['nonsense', [{ kind: 'malformed', times: 1 }], 'paid'],
    ['a refusal nobody knows', [{ kind: 'malformed', variant: 'new_refusal', times: 1 }], 'paid'],
    ['two answers', [{ kind: 'twice', times: 1 }], 'paid'],
    [
      'a stale answer, then stale queries',
      [
        { kind: 'stale', times: 1 },
        { kind: 'stale', on: 'query', times: 2 },
      ],
      'paid',
    ],
    [
      'silence, then queries that fail',
      [
        { kind: 'silent_after', times: 1 },
        { kind: 'error_after', on: 'query', times: 2 },
      ],
      'paid',
    ],
  ];

it('every fault at the same time, two workers, one bank', { timeout: 90_000 }, async () => {
  await workers({}, {});
  const payouts = await Promise.all(
    endings.map(async ([name, faults, end], i) => {
      const user = `user-${i}`;
      const id = await under.requested(user);
      for (const fault of faults) under.sandbox.faults.add({ ...fault, id });
      const { code } = await under.payments.verify(user, id, await under.codeOf(id));
      expect(code).toBe('verified');
      return { name, user, id, end };
    }),
  );
  const ended = await Promise.all(
    payouts.map(async ({ name, user, id }) => [name, await under.ended(user, id), paidBy(id)]),
  );
  expect(ended).toEqual(payouts.map(({ name, end }) => [name, end, end === 'paid' ? 1 : 0]));
  expect(await under.unsound()).toBe(0);
  expect(under.alarms).toEqual([]);
  // Of those that failed the money is back.
  for (const { user, end } of payouts) {
    const [account] = await under.books.accounts(user);
    expect(account?.balance).toBe(end === 'paid' ? 0 : 500);
  }
  expect(await under.registry.metrics()).toMatch(/hongbao_payout_steps_total\{result="paid"\} 14/);
});

it('pays without a word, from the sweep', async () => {
  await workers({});
  const id = await under.processing('ben');
  expect(await under.ended('ben', id)).toBe('paid');
});

it('pays on a word, without the sweep', async () => {
  await workers({ sweepMs: 3_600_000 });
  const id = await under.requested('ben');
  await under.wakeUps.add({ kind: 'code', id });
  await under.payments.verify('ben', id, await under.codeOf(id));
  await under.wakeUps.add({ kind: 'payout', id });
  expect(await under.ended('ben', id)).toBe('paid');
});

it('pays while the queue is away', async () => {
  const away = {
    ...under.wakeUps,
    add: () => Promise.reject(new Error('the queue is away')),
  };
  await workers({ wakeUps: away });
  const id = await under.processing('ben');
  expect(await under.ended('ben', id)).toBe('paid');
});

describe('words that come many times', () => {
  it('send one order', async () => {
    await workers({}, {}, {});
    under.sandbox.faults.add({ kind: 'slow', delayMs: 200 });
    const id = await under.processing('ben');
    const end = under.ended('ben', id);
    for (let i = 0; i < 20; i += 1) await under.wakeUps.add({ kind: 'payout', id });
    expect(await end).toBe('paid');
    expect(paidBy(id)).toBe(1);
  });
});

it('sends a code again until it is taken', async () => {
  await workers({});
  under.sandbox.faults.add({ kind: 'error_before', on: 'code', times: 4 });
  const id = await under.requested('ben');
  await under.codeOf(id);
  await until('one code', () => under.sandbox.outbox.list('ben').length === 1 || undefined);
});
