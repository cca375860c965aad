/** The payout worker against every fault of the sandbox: each withdrawal ends, and is paid once or not at all. (E17) */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultKinds, type FaultInput, malformedVariants } from '../../engine/bank/faults.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
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

const endings: readonly (readonly [
  name: string,
  faults: readonly FaultInput[],
  end: 'paid' | 'failed',
])[] = [
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
  ...malformedVariants.map(
    (variant) =>
      [`nonsense: ${variant}`, [{ kind: 'malformed', variant, times: 1 }], 'paid'] as const,
  ),
  ...malformedVariants.map(
    (variant) =>
      [
        `silence, then nonsense: ${variant}`,
        [
          { kind: 'silent_after', times: 1 },
          { kind: 'malformed', variant, on: 'query', times: 2 },
        ],
        'paid',
      ] as const,
  ),
  ['two answers', [{ kind: 'twice', times: 1 }], 'paid'],
  [
    'silence, then two answers',
    [
      { kind: 'silent_after', times: 1 },
      { kind: 'twice', on: 'query', times: 1 },
    ],
    'paid',
  ],
  [
    'silence, then slow and silent queries',
    [
      { kind: 'silent_after', times: 1 },
      { kind: 'slow', on: 'query', delayMs: 100, times: 1 },
      { kind: 'silent_after', on: 'query', times: 1 },
    ],
    'paid',
  ],
  [
    'refused, and nobody heard it',
    [
      { kind: 'refuse_late', delayMs: 0, times: 1 },
      { kind: 'malformed', variant: 'new_refusal', on: 'query', times: 1 },
    ],
    'failed',
  ],
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

it('no fault of the sandbox is left out', () => {
  const struck = endings.flatMap(([, faults]) => faults);
  const kinds = struck.filter(({ on = 'payout' }) => on === 'payout').map(({ kind }) => kind);
  expect(new Set(kinds)).toEqual(new Set(faultKinds));
});

it('every fault at the same time, two workers, one bank', { timeout: 90_000 }, async () => {
  await workers({}, {});
  // One after the other, so that they do not wait for each other's connections.
  const requested = [];
  for (const [i, [name, faults, end]] of endings.entries()) {
    const user = `user-${i}`;
    const id = await under.requested(user);
    for (const fault of faults) under.sandbox.faults.add({ ...fault, id });
    requested.push({ name, user, id, end });
  }
  const payouts = await Promise.all(
    requested.map(async (one) => {
      const { user, id } = one;
      const { code } = await under.payments.verify(user, id, await under.codeOf(id));
      expect(code).toBe('verified');
      return one;
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
  const paid = payouts.filter(({ end }) => end === 'paid').length;
  expect(await under.registry.metrics()).toContain(
    `hongbao_payout_steps_total{result="paid"} ${paid}`,
  );
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

const codeFaults: readonly FaultInput[] = [
  { kind: 'slow', delayMs: 100 },
  { kind: 'slow', delayMs: 600, times: 1 },
  { kind: 'error_before', times: 4 },
  { kind: 'error_after', times: 1 },
  { kind: 'silent_before', times: 1 },
  { kind: 'silent_after', times: 1 },
  { kind: 'twice', times: 1 },
  ...malformedVariants.map((variant) => ({ kind: 'malformed', variant, times: 1 }) as const),
];

it('sends a code again until it is taken: the same one', { timeout: 60_000 }, async () => {
  await workers({}, {});
  const requested = [];
  for (const [i, fault] of codeFaults.entries()) {
    const user = `user-${i}`;
    const id = await under.requested(user, (made) =>
      under.sandbox.faults.add({ ...fault, on: 'code', id: made }),
    );
    requested.push({ user, id });
  }
  const all = requested.map(async ({ user, id }) => {
    await until(`the end of sending ${id}`, () => under.isCodeSent(id), 40_000);
    const [item, ...others] = under.sandbox.outbox.list(user);
    expect(others).toEqual([]);
    expect(await under.payments.verify(user, id, item?.code ?? '')).toMatchObject({
      code: 'verified',
    });
    return under.ended(user, id);
  });
  expect(await Promise.all(all)).toEqual(codeFaults.map(() => 'paid'));
});

it('a step that fails is seen, and taken again', async () => {
  const lines: string[] = [];
  let isFirst = true;
  const payments: typeof under.payments = {
    ...under.payments,
    async claimPayout(id) {
      if (isFirst) {
        isFirst = false;
        throw new Error('the database is on fire');
      }
      return under.payments.claimPayout(id);
    },
  };
  const log = (_level: string, message: string, fields?: object) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  await workers({ payments, observer: { ...silentObserver, log } });
  const id = await under.processing('ben');
  expect(await under.ended('ben', id)).toBe('paid');
  const expected = { kind: 'payout', id, error: 'Error: the database is on fire' };
  expect(lines).toEqual([`a step of a withdrawal failed ${JSON.stringify(expected)}`]);
  expect(await under.registry.metrics()).toContain('hongbao_payout_steps_total{result="error"} 1');
});

it('a withdrawal that cannot end leaves the others alone', async () => {
  const payments: typeof under.payments = {
    ...under.payments,
    expireCodes: () => Promise.reject(new Error('an account contradicts its withdrawals')),
  };
  await workers({ payments });
  const id = await under.processing('ben');
  expect(await under.ended('ben', id)).toBe('paid');
});
