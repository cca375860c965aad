/** The state machine of withdrawals under events in any order: conservation, one movement each, final ends. (E17) */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeAttemptsMax } from '../../engine/limits.ts';
import {
  attemptsLeft,
  requested,
  transition,
  type Movement,
  type WithdrawalEvent,
  type WithdrawalState,
  type WithdrawalStatus,
} from '../../engine/payment/state.ts';

const event = fc.constantFrom<WithdrawalEvent>(
  { kind: 'verified' },
  { kind: 'wrong_code' },
  { kind: 'code_expired' },
  { kind: 'paid' },
  { kind: 'failed', reason: 'account_closed' },
);

/** Where the one unit is. */
type Place = 'held' | 'balance' | 'in_flight' | 'paid_out';
const ways: Record<Movement, readonly [from: Place, to: Place]> = {
  release: ['held', 'balance'],
  take: ['held', 'in_flight'],
  pay_out: ['in_flight', 'paid_out'],
  give_back: ['in_flight', 'balance'],
};
const placeOf: Record<WithdrawalStatus, Place> = {
  awaiting_verification: 'held',
  processing: 'in_flight',
  paid: 'paid_out',
  failed: 'balance',
  rejected: 'balance',
};
const isFinal = ({ status }: WithdrawalState) =>
  status !== 'awaiting_verification' && status !== 'processing';

test('the unit is always where the state says; ends are final and have a reason unless paid', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      let state = requested;
      let place: Place = 'held';
      for (const next of events) {
        const made = transition(state, next);
        if (made.code === 'refused') continue;
        expect(isFinal(state)).toBe(false);
        if (made.movement !== undefined) {
          const [from, to] = ways[made.movement];
          expect(place).toBe(from);
          place = to;
        }
        expect(made.state.wrongCodes).toBeGreaterThanOrEqual(state.wrongCodes);
        state = made.state;
        expect(place).toBe(placeOf[state.status]);
        expect(state.reason !== undefined).toBe(
          state.status === 'failed' || state.status === 'rejected',
        );
        expect(attemptsLeft(state) > 0).toBe(state.status === 'awaiting_verification');
      }
    }),
  );
});

test('what is repeated in an end changes nothing', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), event, (events, last) => {
      let state = requested;
      for (const next of events) {
        const made = transition(state, next);
        if (made.code === 'moved') state = made.state;
      }
      fc.pre(isFinal(state));
      expect(transition(state, last)).toEqual({ code: 'refused' });
    }),
  );
});

test('every state is reached, every movement made', () => {
  const states = new Set<WithdrawalStatus>([requested.status]);
  const movements = new Set<Movement>();
  const events: WithdrawalEvent['kind'][] = [];
  const visit = (state: WithdrawalState, depth: number) => {
    if (depth > codeAttemptsMax + 2) return;
    for (const kind of ['verified', 'wrong_code', 'code_expired', 'paid', 'failed'] as const) {
      const made = transition(state, kind === 'failed' ? { kind, reason: 'x' } : { kind });
      if (made.code === 'refused') continue;
      states.add(made.state.status);
      if (made.movement !== undefined) movements.add(made.movement);
      events.push(kind);
      visit(made.state, depth + 1);
    }
  };
  visit(requested, 0);
  expect([...states].toSorted()).toEqual(Object.keys(placeOf).toSorted());
  expect([...movements].toSorted()).toEqual(Object.keys(ways).toSorted());
  expect(new Set(events).size).toBe(5);
});

/** Every state that a withdrawal can be in, and what every event makes of it; nothing said means refused. */
const states: Record<string, WithdrawalState> = {
  'no wrong code yet': requested,
  'one attempt left': { ...requested, wrongCodes: codeAttemptsMax - 1 },
  processing: { ...requested, status: 'processing' },
  paid: { ...requested, status: 'paid' },
  failed: { ...requested, status: 'failed', reason: 'account_closed' },
  rejected: { ...requested, status: 'rejected', reason: 'code_expired' },
};
const kinds = ['verified', 'wrong_code', 'code_expired', 'paid', 'failed'] as const;
type Made = readonly [status: WithdrawalStatus, movement: Movement | undefined, reason?: string];
const waits = {
  verified: ['processing', 'take'],
  code_expired: ['rejected', 'release', 'code_expired'],
} satisfies Partial<Record<WithdrawalEvent['kind'], Made>>;
const table: Record<string, Partial<Record<WithdrawalEvent['kind'], Made>>> = {
  'no wrong code yet': { ...waits, wrong_code: ['awaiting_verification', undefined] },
  'one attempt left': { ...waits, wrong_code: ['rejected', 'release', 'wrong_code'] },
  processing: { paid: ['paid', 'pay_out'], failed: ['failed', 'give_back', 'account_closed'] },
  paid: {},
  failed: {},
  rejected: {},
};

test.each(Object.keys(states).flatMap((name) => kinds.map((kind) => [name, kind] as const)))(
  '%s, then %s',
  (name, kind) => {
    const made = transition(
      states[name]!,
      kind === 'failed' ? { kind, reason: 'account_closed' } : { kind },
    );
    const expected = table[name]?.[kind];
    if (expected === undefined) {
      expect(made).toEqual({ code: 'refused' });
      return;
    }
    const [status, movement, reason] = expected;
    const wrongCodes = states[name]!.wrongCodes + (kind === 'wrong_code' ? 1 : 0);
    expect(made).toEqual({ code: 'moved', state: { status, reason, wrongCodes }, movement });
  },
);

test('the fifth wrong code rejects, no sooner and no later', () => {
  let state = requested;
  for (let left = codeAttemptsMax - 1; left >= 0; left -= 1) {
    const made = transition(state, { kind: 'wrong_code' });
    if (made.code === 'refused') throw new Error('refused');
    state = made.state;
    expect([state.status, attemptsLeft(state)]).toEqual([
      left === 0 ? 'rejected' : 'awaiting_verification',
      left,
    ]);
  }
  expect(state.reason).toBe('wrong_code');
});
