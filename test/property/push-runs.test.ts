/** Runs and what they unfold to: whatever settles, in whatever pieces, everybody is told each of their events once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BatchEvent } from '../../engine/core/types.ts';
import { pushRunMax } from '../../engine/limits.ts';
import { addSettled, runKinds, type Run, type Runs } from '../../engine/push/runs.ts';
import { shownToReceiver, shownToSender, type ToldBatch } from '../../engine/push/shown.ts';
import type { Standing } from '../../engine/store/plan.ts';

const users = ['sender', 'ann', 'bob', 'cid'];
const count = 400;
const batch: ToldBatch = {
  id: '7',
  mode: 'lucky',
  count,
  total: count,
  each: undefined,
  asset: 'CNY',
  greeting: '',
  senderId: 'sender',
  createdAt: 0,
  expiresAt: 1,
};
const standing = { senderId: 'sender', summary: { count } } as Standing;
const standings = new Map([['7', standing]]);

const base = { batchId: '7', version: 0, at: 0 };
const oneEvent: fc.Arbitrary<BatchEvent> = fc
  .tuple(fc.constantFrom(...users), fc.integer({ min: count - 3, max: count }), fc.boolean())
  .chain(([receiverId, packet, isOpened]) => {
    const claimed: BatchEvent = {
      ...base,
      kind: 'claimed',
      packet,
      receiverId,
      amount: isOpened ? 1 : undefined,
      tag: undefined,
      position: undefined,
    };
    const opened: BatchEvent = { ...base, kind: 'opened', packet, receiverId, amount: 1 };
    const audience: BatchEvent = {
      ...base,
      kind: 'audience',
      channel: 'im',
      anyone: false,
      receivers: [],
    };
    return fc.constantFrom(claimed, claimed, opened, audience);
  });

test('each listener has a number for each push, in order, in runs of bounded length', () => {
  const cases = fc.record({
    list: fc.array(oneEvent, { maxLength: 600, size: 'max' }),
    expires: fc.boolean(),
    listening: fc.subarray(users),
    holders: fc.subarray(['ann', 'bob']),
  });
  fc.assert(
    fc.property(cases, ({ list, expires, listening, holders }) => {
      const events = list.map((event, i) => ({ ...event, version: i + 1 }));
      if (expires)
        events.push({ ...base, kind: 'expired', version: events.length + 1, refunded: 1 });
      const runs: Runs = new Map();
      const hearers = { listening: new Set(listening), holders: new Map([['7', holders]]) };
      addSettled(runs, events, standings, hearers);

      const toldTo = (userId: string, [first, last]: readonly [number, number]) =>
        events
          .filter(({ version }) => version >= first && version <= last)
          .flatMap((event) => {
            if (event.kind === 'audience') return [];
            const heard = event.kind === 'expired' ? holders : [event.receiverId];
            if (userId !== 'sender' && !heard.includes(userId)) return [];
            const { kind, at } = event;
            const told =
              event.kind === 'expired'
                ? { kind, at, packet: 0, receiverId: '', amount: event.refunded }
                : {
                    kind,
                    at,
                    packet: event.packet,
                    receiverId: event.receiverId,
                    amount: event.amount,
                  };
            return (userId === 'sender' ? shownToSender : shownToReceiver)(batch, told);
          });
      for (const userId of users) {
        const own = runs.get(userId) ?? [];
        const whole = listening.includes(userId) ? toldTo(userId, [1, events.length]) : [];
        const range = ({ from, to }: Run) => [from ?? 0, to ?? 0] as const;
        expect(own.flatMap((run) => toldTo(userId, range(run)))).toEqual(whole);
        for (const run of own) {
          expect(run.kind).toBe(userId === 'sender' ? runKinds.sender : runKinds.receiver);
          expect(toldTo(userId, range(run))).toHaveLength(run.n);
          expect(run.n).toBeLessThanOrEqual(pushRunMax + 2);
        }
        const least = Math.ceil(whole.length / pushRunMax);
        if (userId === 'sender') expect(own.length).toBeLessThanOrEqual(least);
      }
    }),
    { numRuns: 200 },
  );
});
