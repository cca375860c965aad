/** Properties of the pure core over any order of commands (E1, E8, E11–E15; invariants 1 and 6). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import { apply, remainingAmount } from '../../engine/core/batch.ts';
import { decodePayload, encodeEvent, encodePayload } from '../../engine/core/codec.ts';
import { idArray } from '../../engine/core/id-list.ts';
import type { Command, Result } from '../../engine/core/command.ts';
import { drawShare } from '../../engine/core/split.ts';
import { beginRestore, endRestore, restorePacket, restoreTag } from '../../engine/core/restore.ts';
import { emptyState, evolve, type BatchState } from '../../engine/core/state.ts';
import type { BatchEvent, BatchParams } from '../../engine/core/types.ts';
import { packetsOf, plain } from '../fixtures/plain-state.ts';

const createdAt = 1_000;
const expiresAt = 2_000;

function paramsOf(
  mode: 'lucky' | 'fixed',
  count: number,
  extra: number,
  oncePerReceiver: boolean,
): BatchParams {
  const each = mode === 'fixed' ? 1 + extra : undefined;
  const total = each === undefined ? count + extra : each * count;
  return {
    id: '42',
    mode,
    count,
    total,
    each,
    asset: 'CNY',
    greeting: '',
    senderId: 'sender',
    oncePerReceiver,
    linkKey: 'the-key-of-the-link-0001',
    createdAt,
    expiresAt,
  };
}

const receiver = fc.integer({ min: 0, max: 7 }).map((n) => `r${n}`);
const tag = fc.option(
  fc.record({ key: fc.constantFrom('k1', 'k2', 'k,3;"'), digest: fc.constantFrom('d1', 'd2') }),
  { nil: undefined },
);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      receiverId: receiver,
      linkKey: fc.constantFrom(undefined, 'the-key-of-the-link-0001', 'wrong'),
      open: fc.boolean(),
      tag,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('open' as const),
      receiverId: receiver,
      packetId: fc.option(
        fc.integer({ min: 0, max: 9 }).map((n) => `42-${n}`),
        { nil: undefined },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('audience' as const),
      senderId: fc.constantFrom('sender', 'sender', 'r1'),
      channel: fc.constantFrom('im' as const, 'qr' as const),
      receivers: fc.array(receiver, { maxLength: 4 }),
      anyone: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'expire' as const }) },
);
const step = fc.record({ command, passMs: fc.integer({ min: 0, max: 90 }) });
const story = fc.record({
  mode: fc.constantFrom('lucky' as const, 'fixed' as const),
  count: fc.integer({ min: 2, max: 6 }),
  extra: fc.integer({ min: 0, max: 1_000_000 }),
  oncePerReceiver: fc.boolean(),
  seed: fc.integer(),
  steps: fc.array(step, { maxLength: 60 }),
});

interface Told {
  readonly command: Command;
  readonly result: Result;
  readonly event: BatchEvent | undefined;
  readonly at: number;
}

function play(input: typeof story extends fc.Arbitrary<infer T> ? T : never) {
  const params = paramsOf(input.mode, input.count, input.extra, input.oncePerReceiver);
  const state = emptyState(params, createdAt);
  const random = seededRandom(input.seed);
  const told: Told[] = [];
  let now = createdAt;
  for (const { command: next, passMs } of input.steps) {
    now += passMs;
    const share = () =>
      params.each ?? drawShare(remainingAmount(state), params.count - state.opened, random);
    const { event, result } = apply(state, next, { now, share, position: `7-${told.length + 1}` });
    told.push({ command: next, result, event, at: now });
  }
  const events = told.flatMap(({ event }) => (event === undefined ? [] : [event]));
  return { params, state, told, events };
}

/** The amounts by packet, told by the events alone. */
function openedAmounts(events: readonly BatchEvent[]): Map<number, number> {
  const amounts = new Map<number, number>();
  for (const event of events) {
    if ((event.kind === 'claimed' || event.kind === 'opened') && event.amount !== undefined) {
      expect(amounts.has(event.packet)).toBe(false);
      amounts.set(event.packet, event.amount);
    }
  }
  return amounts;
}

const runs = { numRuns: 2_000 };

describe('the batch as a state machine', () => {
  it('conserves: opened + refunded + remaining = total, every share ≥ 1', () => {
    fc.assert(
      fc.property(story, (input) => {
        const { params, events } = play(input);
        const amounts = [...openedAmounts(events).values()];
        const opened = amounts.reduce((sum, amount) => sum + amount, 0);
        const refunds = events
          .filter((event) => event.kind === 'expired')
          .map((event) => event.refunded);
        expect(amounts.every((amount) => Number.isSafeInteger(amount) && amount >= 1)).toBe(true);
        expect(refunds.length).toBeLessThanOrEqual(1);
        if (refunds.length === 1) expect(opened + (refunds[0] ?? 0)).toBe(params.total);
        else if (amounts.length === params.count) expect(opened).toBe(params.total);
        else expect(params.total - opened).toBeGreaterThanOrEqual(params.count - amounts.length);
        if (params.each !== undefined)
          expect(amounts.every((amount) => amount === params.each)).toBe(true);
      }),
      runs,
    );
  });

  it('gives at most one packet per receiver, and never more than there are', () => {
    fc.assert(
      fc.property(story, (input) => {
        const { params, events } = play(input);
        const claims = events.filter((event) => event.kind === 'claimed');
        expect(claims.length).toBeLessThanOrEqual(params.count);
        expect(claims.map((claim) => claim.packet)).toEqual(claims.map((_, i) => i + 1));
        if (params.oncePerReceiver) {
          expect(new Set(claims.map((claim) => claim.receiverId)).size).toBe(claims.length);
        } else {
          const keys = claims.map((claim) => `${claim.receiverId} ${claim.tag?.key}`);
          expect(new Set(keys).size).toBe(claims.length);
        }
      }),
      runs,
    );
  });

  it('numbers events 1, 2, 3 … and gives nothing away after it expired', () => {
    fc.assert(
      fc.property(story, (input) => {
        const { events } = play(input);
        expect(events.map((event) => event.version)).toEqual(events.map((_, i) => i + 1));
        const end = events.findIndex((event) => event.kind === 'expired');
        if (end >= 0) {
          expect(events.length).toBe(end + 1);
          expect(events[end]?.at).toBeGreaterThanOrEqual(expiresAt);
        }
        for (const event of events) {
          if (event.kind !== 'expired') expect(event.at).toBeLessThan(expiresAt);
        }
      }),
      runs,
    );
  });

  it('lets only the audience claim: listed, or anyone with the key of the link', () => {
    fc.assert(
      fc.property(story, (input) => {
        const listed = new Set<string>();
        let anyone = false;
        for (const { command: asked, event } of play(input).told) {
          if (event?.kind === 'audience') {
            for (const id of idArray(event.receivers)) listed.add(id);
            anyone ||= event.anyone;
          } else if (event?.kind === 'claimed' && asked.kind === 'claim') {
            const byKey = anyone && asked.linkKey === 'the-key-of-the-link-0001';
            expect(listed.has(event.receiverId) || byKey).toBe(true);
          }
        }
      }),
      runs,
    );
  });

  it('answers a repeated key with the same packet, and another request under it never', () => {
    fc.assert(
      fc.property(story, (input) => {
        const first = new Map<string, { digest: string; packet: number }>();
        for (const { command: asked, result, event } of play(input).told) {
          if (asked.kind !== 'claim' || asked.tag === undefined) continue;
          const name = `${asked.receiverId} ${asked.tag.key}`;
          const known = first.get(name);
          if (known === undefined) {
            if (event?.kind === 'claimed')
              first.set(name, { digest: asked.tag.digest, packet: event.packet });
          } else if (known.digest === asked.tag.digest) {
            const same = { packet: known.packet };
            // Asked to open what was claimed without opening: a repeat that opens, or comes too late.
            if (event?.kind === 'opened') expect(result).toEqual({ code: 'repeated', ...same });
            else if (result.code === 'repeated') expect(asked.open).toBe(true);
            else if (result.code === 'expired') expect(asked.open).toBe(true);
            else expect(result).toMatchObject({ code: 'replayed', ...same });
          } else expect(result.code).toBe('idempotency_key_reused');
        }
      }),
      runs,
    );
  });

  it('is rebuilt from its events through the journal text, and from stored packets', () => {
    fc.assert(
      fc.property(story, (input) => {
        const { params, state, events } = play(input);
        const text = encodePayload(7, 1, [3], events.map(encodeEvent));
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(JSON.stringify(text)).toBe(`"${text}"`);
        const replayed = emptyState(params, createdAt);
        for (const event of decodePayload(text).events)
          evolve(replayed, { ...event, ...positionOf(events, event) });
        expect(plain(replayed)).toEqual(plain(state));
        expect(plain(restored(state))).toEqual(plain(state));
      }),
      runs,
    );
  });
});

/** A decoded claim carries the position of its payload; in these stories every command had its own. */
function positionOf(events: readonly BatchEvent[], event: BatchEvent): object {
  const original = events[event.version - 1];
  return original?.kind === 'claimed' ? { position: original.position } : {};
}

/** The state again, from what would be stored of it. */
function restored(state: BatchState): BatchState {
  const { claimed } = state.packets;
  const stored = { ...state, claimed };
  const again = beginRestore(stored);
  again.listed.add([...state.listed]);
  for (const { receiverId, claimedAt, amount, openedAt } of packetsOf(state))
    restorePacket(again, receiverId, claimedAt, amount ?? 0, openedAt ?? 0);
  for (const [name, { packet, digest, position, opened }] of state.tags) {
    const key = name.split('\n')[1] ?? '';
    restoreTag(again, packet, { key, digest }, position, opened);
  }
  return endRestore(again, stored);
}
