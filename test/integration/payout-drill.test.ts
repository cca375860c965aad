/**
 * A short drill of payouts on each backend: workers die at steps and at any moment, the bank misbehaves and dies too, and
 * still each withdrawal ends, paid once or given back (invariants 1, 4, 7). And the proof that its comparison can fail.
 * The long drill is `npm run drill -- --payouts`.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { BankLine, BankRecord } from '../../engine/bank/sandbox-books.ts';
import { Findings } from '../drill/findings.ts';
import type { PayoutBooks } from '../drill/payouts/books.ts';
import { checkPayouts } from '../drill/payouts/check.ts';
import { drillPayouts, type PayoutDrillResult } from '../drill/payouts/play.ts';
import { payoutReport } from '../drill/payouts/report.ts';
import { deathSteps } from '../drill/payouts/steps.ts';

const rounds = 1;
const withdrawalsPerRound = 10;

let results: readonly PayoutDrillResult[];
// Both spend most of their time waiting for something to come back.
beforeAll(async () => {
  const seed = Math.floor(Date.now() / 1_000);
  // Half of the steps each; whatever kills at any moment comes on top.
  const drill = (backend: 'redis' | 'embedded', half: number) => {
    const steps = deathSteps.filter((_, i) => i % 2 === half);
    return drillPayouts({ backend, seed, rounds, withdrawalsPerRound, steps });
  };
  results = await Promise.all([drill('redis', 0), drill('embedded', 1)]);
}, 240_000);

it.each([
  ['Redis', 0],
  ['the embedded database', 1],
])('keeps the promise on %s', (_, n) => {
  const result = results[n]!;
  // The report names the seed and what was found.
  expect(result.findings.all, payoutReport(result)).toEqual([]);
  expect(result.broken).toBeUndefined();
  const { ours = [], told = [] } = result.books ?? {};
  expect(ours.length).toBeGreaterThanOrEqual(rounds * withdrawalsPerRound);
  expect(told).toHaveLength(ours.length);
});

it.each(deathSteps)('workers died %s', (step) => {
  const deaths = results.reduce((sum, one) => sum + (one.deaths.get(step) ?? 0), 0);
  expect(deaths).toBeGreaterThan(0);
});

describe('its comparison finds', () => {
  const order: BankRecord = {
    id: 'w-1',
    asset: 'CNY',
    amount: 5,
    last4: '1111',
    at: 1,
    knownAt: 1,
    decidedAt: 1,
  };
  const line = (changed: Partial<BankRecord> = {}): BankLine => ({
    line: 'order',
    order: { ...order, ...changed },
  });
  const sound: PayoutBooks = {
    ours: [
      { id: 'w-1', userId: 'anna', asset: 'CNY', amount: 5, status: 'paid' },
      { id: 'w-2', userId: 'anna', asset: 'CNY', amount: 7, status: 'failed' },
      { id: 'w-3', userId: 'ben', asset: 'CNY', amount: 9, status: 'rejected' },
    ],
    accounts: [
      { userId: 'anna', deposited: 12, left: 7 },
      { userId: 'ben', deposited: 9, left: 9 },
    ],
    told: [
      { id: 'w-1', statuses: ['awaiting_verification', 'processing', 'paid'] },
      { id: 'w-2', statuses: ['awaiting_verification', 'processing', 'failed'] },
      { id: 'w-3', statuses: ['awaiting_verification', 'rejected'] },
    ],
    lines: [line(), line({ id: 'w-2', amount: 7, refusal: 'card_refused' })],
    unsound: 0,
    paidOut: new Map([['CNY', 5]]),
  };
  const found = (changed: Partial<PayoutBooks>): string[] => {
    const findings = new Findings();
    checkPayouts({ ...sound, ...changed }, findings);
    return findings.all.map(({ kind, text }) => `${kind}: ${text}`);
  };

  it('nothing where all is well', () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Partial<PayoutBooks>, RegExp]>([
    ['a payment made twice', { lines: [...sound.lines, line()] }, /^doubled: w-1 was paid 2 times/],
    ['one that is only here', { lines: sound.lines.slice(1) }, /^contradicted: w-1 is paid here/],
    [
      'one that is only there',
      { lines: [line(), line({ id: 'w-2', amount: 7 })] },
      /^doubled: w-2 was given back here and paid there/,
    ],
    ['one nobody ordered', { ours: sound.ours.slice(1) }, /^contradicted: the bank has w-1/],
    [
      'another amount',
      { lines: [line({ amount: 6 }), ...sound.lines.slice(1)] },
      /^contradicted: w-1 was ordered as 6/,
    ],
    [
      'another amount in a repeat',
      { lines: [...sound.lines, { line: 'repeat', id: 'w-1', amount: 6, at: 2 }] },
      /^contradicted: w-1 was ordered again/,
    ],
    [
      'a withdrawal that never ended',
      { ours: [{ ...sound.ours[0]!, status: 'processing' }, ...sound.ours.slice(1)] },
      /^unexpected: w-1 never ended/,
    ],
    [
      'an order without its code',
      { lines: [...sound.lines, line({ id: 'w-3', amount: 9, refusal: 'card_refused' })] },
      /^contradicted: w-3 was ordered without its code/,
    ],
    [
      'money given back twice',
      { accounts: [{ ...sound.accounts[0]!, left: 14 }] },
      /^doubled: anna has 14, not 7/,
    ],
    [
      'money not given back',
      { accounts: [{ ...sound.accounts[0]!, left: 0 }] },
      /^lost: anna has 0, not 7/,
    ],
    [
      'a status that went back',
      { told: [{ id: 'w-1', statuses: ['processing', 'paid', 'processing', 'paid'] }] },
      /^contradicted: w-1 was told as paid, then as processing/,
    ],
    [
      'an end told otherwise',
      { told: [{ id: 'w-2', statuses: ['processing', 'paid'] }] },
      /^contradicted: w-2 was last told as paid and is failed/,
    ],
    [
      'a withdrawal told and not there',
      { told: [{ id: 'w-9', statuses: ['processing'] }] },
      /^lost: w-9 was told as processing/,
    ],
    ['a ledger that says less', { paidOut: new Map() }, /^contradicted: CNY: the bank paid 5/],
    ['an audit that differs', { unsound: 1 }, /^contradicted: the audit differs by 1/],
  ])('%s', (_, changed, expected) => {
    expect(found(changed)).toContainEqual(expect.stringMatching(expected));
  });
});
