/** The second opinion agrees with the state machine on all it decides, and on nothing else. (invariants 1, 6) */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applicable, isEnded, type Summary } from '../../engine/core/applicable.ts';
import { apply } from '../../engine/core/batch.ts';
import type { Command } from '../../engine/core/command.ts';
import { emptyState } from '../../engine/core/state.ts';
import type { BatchEvent, BatchParams } from '../../engine/core/types.ts';

const start = 1_000;
const params = fc
  .record({
    count: fc.integer({ min: 2, max: 6 }),
    each: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    more: fc.integer({ min: 0, max: 40 }),
    oncePerReceiver: fc.boolean(),
  })
  .map(({ count, each, more, oncePerReceiver }): BatchParams => ({
    id: '7',
    mode: each === undefined ? 'lucky' : 'fixed',
    count,
    total: each === undefined ? count + more : each * count,
    each,
    asset: 'CNY',
    greeting: '',
    senderId: 'sender',
    oncePerReceiver,
    linkKey: 'key',
    createdAt: 0,
    expiresAt: start + 40,
  }));

const receiver = fc.constantFrom('ann', 'bob', 'cem', 'dan', 'eve', 'fay', 'gus');
const step = fc.record({
  wait: fc.integer({ min: 0, max: 6 }),
  luck: fc.double({ min: 0, max: 1, noNaN: true }),
  what: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('claim' as const), receiver, open: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('open' as const), receiver }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('audience' as const), receiver }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function commandOf(what: Step['what'], i: number): Command {
  switch (what.kind) {
    case 'claim': {
      const tag = { key: `k${i}`, digest: 'd' };
      return { kind: 'claim', receiverId: what.receiver, linkKey: 'key', open: what.open, tag };
    }
    case 'open':
      return { kind: 'open', receiverId: what.receiver, packetId: undefined };
    case 'audience':
      return {
        kind: 'audience',
        senderId: 'sender',
        channel: 'im',
        anyone: false,
        receivers: [what.receiver],
      };
    case 'expire':
      return { kind: 'expire' };
  }
}

/** Events that the state machine decides for these steps. */
function decide(
  of: BatchParams,
  steps: readonly Step[],
): { events: BatchEvent[]; summary: Summary } {
  const state = emptyState(of, start);
  state.anyone = true;
  const events: BatchEvent[] = [];
  let now = start;
  for (const [i, { wait, luck, what }] of steps.entries()) {
    now += wait;
    const share = () => {
      if (of.each !== undefined) return of.each;
      const behind = of.count - state.opened - 1;
      const rest = of.total - state.openedAmount;
      return behind === 0 ? rest : 1 + Math.floor(luck * (rest - behind - 1));
    };
    const { event } = apply(state, commandOf(what, i), { now, share, position: '1-1' });
    if (event !== undefined) events.push(event);
  }
  const { version, opened, openedAmount, expired, refundedAmount, lastEventAt } = state;
  const { count, total, mode, each } = of;
  const claimed = state.packets.claimed;
  const amounts = Array.from({ length: claimed }, (_, i) => state.packets.amount(i + 1));
  const bestAmount = Math.max(0, ...amounts);
  const best = { bestAmount, bestPacket: 0 };
  return {
    events,
    summary: {
      version,
      count,
      total,
      mode,
      each,
      claimed,
      opened,
      openedAmount,
      expired,
      refundedAmount,
      lastEventAt,
      ...best,
    },
  };
}

function before({ count, total, mode, each }: BatchParams): Summary {
  const zero = {
    version: 0,
    claimed: 0,
    opened: 0,
    openedAmount: 0,
    refundedAmount: 0,
    bestAmount: 0,
    bestPacket: 0,
  };
  return { ...zero, count, total, mode, each, expired: false, lastEventAt: start };
}

/** All of them, or the reason at the first that does not apply. */
function takeAll(of: BatchParams, events: readonly BatchEvent[]): Summary | string {
  let summary = before(of);
  for (const event of events) {
    const next = applicable(summary, event);
    if (typeof next === 'string') return next;
    summary = next;
  }
  return summary;
}

test('every event the state machine decides is applicable, and both come to the same summary', () => {
  fc.assert(
    fc.property(params, fc.array(step, { maxLength: 30 }), (of, steps) => {
      const { events, summary } = decide(of, steps);
      const taken = takeAll(of, events);
      if (typeof taken === 'string') throw new Error(taken);
      expect({ ...taken, bestPacket: 0 }).toEqual(summary);
      expect(taken.openedAmount + taken.refundedAmount).toBeLessThanOrEqual(of.total);
      if (isEnded(taken)) expect(taken.openedAmount + taken.refundedAmount).toBe(of.total);
      const best = events.find((event) => 'packet' in event && event.amount === taken.bestAmount);
      expect(taken.bestPacket).toBe(best !== undefined && 'packet' in best ? best.packet : 0);
    }),
    { numRuns: 500 },
  );
});

test('no order but the decided one is applicable, and no event twice', () => {
  fc.assert(
    fc.property(
      params,
      fc.array(step, { minLength: 4, maxLength: 30 }),
      fc.nat(),
      fc.nat(),
      (of, steps, i, j) => {
        const { events } = decide(of, steps);
        fc.pre(events.length > 1);
        const [one, other] = [i % events.length, j % events.length];
        fc.pre(one !== other);
        const swapped = events.slice();
        [swapped[one], swapped[other]] = [events[other]!, events[one]!];
        expect(takeAll(of, swapped)).toBe('version_gap');
        expect(takeAll(of, [...events, events[one]!])).toBe('version_gap');
      },
    ),
  );
});

const summary = before({ count: 3, total: 10, mode: 'lucky' } as BatchParams);
const at = start;
const claim = (changes: object): BatchEvent =>
  ({
    kind: 'claimed',
    batchId: '7',
    version: 1,
    at,
    packet: 1,
    receiverId: 'ann',
    amount: 3,
    ...changes,
  }) as never;
const cases: [string, Summary, BatchEvent, string][] = [
  ['a fraction', summary, claim({ amount: 0.5 }), 'malformed'],
  ['NaN', summary, claim({ amount: Number.NaN }), 'malformed'],
  ['a text', summary, claim({ amount: '3' }), 'malformed'],
  ['nobody', summary, claim({ receiverId: '' }), 'malformed'],
  ['no time', summary, claim({ at: undefined }), 'malformed'],
  ['a kind of another time', summary, claim({ kind: 'gifted' }), 'malformed'],
  ['no version', summary, claim({ version: Number.NaN }), 'malformed'],
  ['nothing', summary, claim({ amount: 0 }), 'amount_below_one'],
  ['a debt', summary, claim({ amount: -1 }), 'amount_below_one'],
  ['more than leaves one for each', summary, claim({ amount: 9 }), 'amount_above_rest'],
  ['other than each', { ...summary, each: 2, total: 6 }, claim({}), 'amount_not_each'],
  [
    'a last one below the rest',
    { ...summary, claimed: 2, opened: 2, openedAmount: 4 },
    claim({ packet: 3, amount: 5 }),
    'last_amount_not_rest',
  ],
  [
    'one packet too many',
    { ...summary, claimed: 3 },
    claim({ packet: 4 }),
    'more_claims_than_packets',
  ],
  ['a packet left out', summary, claim({ packet: 2 }), 'packet_out_of_order'],
  ['an unclaimed packet', summary, claim({ kind: 'opened' }), 'packet_not_claimed'],
  [
    'more opens than claims',
    { ...summary, claimed: 1, opened: 1 },
    claim({ kind: 'opened' }),
    'more_opens_than_claims',
  ],
  ['after the end', { ...summary, expired: true }, claim({}), 'after_expiry'],
  [
    'a refund of less',
    summary,
    { kind: 'expired', batchId: '7', version: 1, at, refunded: 9 },
    'refund_not_rest',
  ],
];
for (const [what, of, event, reason] of cases) {
  test(`${what} is refused: ${reason}`, () => {
    expect(applicable(of, event)).toBe(reason);
  });
}
