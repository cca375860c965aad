/** What counts as a difference with the bank, state by state; and differences as CSV. (E17) */
import { describe, expect, it } from 'vitest';
import { csvHeader, csvLine } from '../../engine/reconcile/csv.ts';
import {
  type Difference,
  type DifferenceKind,
  type Here,
  kindOf,
  type There,
} from '../../engine/reconcile/difference.ts';

const now = 1_700_000_000_000;
const patience = { graceMs: 100, pendingMsMax: 1_000 };
const long = now - 101;
const short = now - 100;

const here = (status: Here['status'], more: Partial<Here> = {}): Here => ({
  status,
  asset: 'CNY',
  amount: 5,
  verifiedAt: now - 500,
  nextTryAt: undefined,
  endedAt: undefined,
  ...more,
});
const there = (state: There['state'], more: Partial<There> = {}): There => ({
  state,
  asset: 'CNY',
  amount: 5,
  at: now - 10_000,
  paidAt: undefined,
  isListed: true,
  ...more,
});

describe('between a withdrawal and the bank', () => {
  const late = { verifiedAt: now - 1_001 };
  const cases: readonly (readonly [Here | undefined, There | undefined, DifferenceKind?])[] = [
    [undefined, undefined],
    [undefined, there('failed'), 'unknown_here'],
    [here('paid', { endedAt: long }), there('paid', { amount: 6 }), 'amount_differs'],
    [here('processing'), there('pending', { asset: 'points' }), 'amount_differs'],
    [here('paid', { endedAt: long }), there('paid')],
    [here('paid', { endedAt: long }), there('paid', { isListed: false }), 'not_listed'],
    [here('paid', { endedAt: short }), there('paid', { isListed: false })],
    [here('paid', { endedAt: long }), there('pending'), 'paid_only_here'],
    [here('paid', { endedAt: long }), there('failed'), 'paid_only_here'],
    [here('paid', { endedAt: long }), undefined, 'paid_only_here'],
    [here('paid', { endedAt: short }), undefined],
    [here('failed', { endedAt: long }), there('failed')],
    [here('failed', { endedAt: long }), undefined],
    [here('failed', { endedAt: long }), there('paid'), 'failed_here_paid_there'],
    [here('failed', { endedAt: long }), there('pending'), 'failed_here_pending_there'],
    [here('failed', { endedAt: short }), there('paid')],
    [here('awaiting_verification'), undefined],
    [here('awaiting_verification'), there('pending'), 'not_ordered'],
    [here('rejected', { endedAt: short }), undefined],
    [here('rejected', { endedAt: short }), there('failed'), 'not_ordered'],
    [here('processing', { nextTryAt: short }), undefined],
    [here('processing', { nextTryAt: long }), there('pending')],
    [here('processing', late), undefined, 'pending_too_long'],
    [here('processing', late), there('pending'), 'pending_too_long'],
    // Whoever drives it is about to find out.
    [here('processing', { nextTryAt: short }), there('paid')],
    [here('processing', { nextTryAt: short }), there('paid', { paidAt: short })],
    [here('processing', { nextTryAt: short }), there('paid', { paidAt: long }), 'paid_only_there'],
    [here('processing', { nextTryAt: long }), there('paid'), 'paid_only_there'],
    [here('processing', { nextTryAt: long }), there('failed'), 'failed_only_there'],
    [here('processing', { ...late, nextTryAt: short }), there('failed'), 'failed_only_there'],
  ];
  for (const [ours, theirs, kind] of cases) {
    const name = `${ours?.status ?? 'nothing'} here, ${theirs?.state ?? 'nothing'} there`;
    it(`${name}: ${kind ?? 'no difference'}`, () => {
      expect(kindOf(ours, theirs, now, patience)).toBe(kind);
    });
  }
});

describe('as CSV', () => {
  const difference: Difference = {
    kind: 'unknown_here',
    id: 'w-1',
    account: '',
    asset: 'CNY',
    here: '',
    there: 'paid',
    amountHere: undefined,
    amountThere: 500,
    since: now,
  };
  const idCell = (id: string) => csvLine({ ...difference, id }).slice('unknown_here,'.length);

  it('is a line under the header', () => {
    expect(csvHeader).toBe('kind,id,account,asset,here,there,amount_here,amount_there,since\r\n');
    expect(csvLine(difference)).toBe(
      'unknown_here,w-1,,CNY,,paid,,500,2023-11-14T22:13:20.000Z\r\n',
    );
    const owed = {
      ...difference,
      kind: 'in_flight_differs',
      account: 'outside:in-flight',
    } as const;
    expect(csvLine({ ...owed, id: '', here: 'processing', there: '', amountThere: -5 })).toBe(
      'in_flight_differs,,outside:in-flight,CNY,processing,,,-5,2023-11-14T22:13:20.000Z\r\n',
    );
  });

  it('quotes what would break a line', () => {
    expect(idCell('a,b')).toMatch(/^"a,b",/);
    expect(idCell('a"b')).toMatch(/^"a""b",/);
    expect(idCell('a\r\nb')).toMatch(/^"a\r\nb",/);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\t=1', '＝1+1', '\u{a0}=1', '\tx'])(
    'keeps %j from being calculated',
    (id) => {
      expect(idCell(id)).toBe(`'${id},,CNY,,paid,,500,2023-11-14T22:13:20.000Z\r\n`);
    },
  );

  it('quotes a formula with separators as one cell', () => {
    expect(idCell('=HYPERLINK("http://x","y")')).toMatch(/^"'=HYPERLINK\(""http:\/\/x"",""y""\)",/);
    expect(idCell('\r=1')).toMatch(/^"'\r=1",/);
  });
});
