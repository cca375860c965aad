/** Texts between threads carry claims and answers exactly; what they cannot carry goes beside them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Command } from '../../engine/core/command.ts';
import type { Outcome } from '../../engine/shard/request.ts';
import {
  eachOutcome,
  eachRequest,
  OutcomeOutbox,
  RequestOutbox,
} from '../../engine/threads/wire.ts';

const word = fc.stringMatching(/^[!-~]{1,40}$/);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const claim = fc.record({
  kind: fc.constant('claim' as const),
  receiverId: fc.oneof(word, fc.constant('two\nlines')),
  linkKey: maybe(fc.oneof(word, fc.constant('\n'))),
  open: fc.boolean(),
  tag: maybe(fc.record({ key: word, digest: word })),
});
const opening = fc.record({
  kind: fc.constant('open' as const),
  receiverId: word,
  packetId: maybe(word),
});
const id = fc.nat({ max: 2 ** 31 });
const batchId = fc.bigInt(1n, 10n ** 18n).map(String);

const requestList = fc.array(fc.tuple(id, batchId, fc.oneof(claim, opening)));

test('requests arrive as they were sent', () => {
  fc.assert(
    fc.property(requestList, (requests) => {
      const outbox = new RequestOutbox();
      for (const [key, batch, command] of requests) outbox.add(key, batch, command);
      expect(outbox.isEmpty).toBe(requests.length === 0);
      const message = structuredClone(outbox.take());
      expect(outbox.isEmpty).toBe(true);
      const arrived: [number, string, Command][] = [];
      eachRequest(message.text, (...request) => arrived.push(request));
      // The text keeps its order, and so do the objects beside it.
      const isText = ({ kind, ...rest }: Command) =>
        kind === 'claim' && !JSON.stringify(rest).replaceAll('\\\\', '').includes('\\n');
      expect(arrived).toEqual(requests.filter(([, , command]) => isText(command)));
      expect(message.items).toEqual(requests.filter(([, , command]) => !isText(command)));
    }),
  );
});

const asked = '900719925474099312';
const number = 7;
const seq = 21;
const packet = fc
  .record({
    index: fc.integer({ min: 1, max: 1_000_000 }),
    receiverId: word,
    claimedAt: fc.nat(),
    asset: word,
    amount: maybe(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
    openedAt: maybe(fc.nat()),
    position: fc.constantFrom('3-14', '7-21'),
  })
  .map(({ index, ...rest }) => ({ batchId: asked, packetId: `${asked}-${index}`, ...rest }));
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc
    .record({ view: packet, replayed: fc.boolean() })
    .map(({ view, replayed }): Outcome => ({ code: 'claimed', packet: view, replayed })),
  packet.map((view): Outcome => ({ code: 'repeated', packet: view })),
  packet.map((view): Outcome => ({ code: 'opened', packet: view, repeated: true })),
  fc.constantFrom<Outcome>(
    { code: 'exhausted' },
    { code: 'bad_key' },
    { code: 'not_due' },
    { code: 'unknown', retryAfterSeconds: 1 },
    { code: 'quarantined', retryAfterSeconds: 60 },
    { code: 'extended', receivers: 3, anyone: true, position: '7-21' },
  ),
);

test('answers arrive as they were given', () => {
  fc.assert(
    fc.property(fc.array(outcome), (outcomes) => {
      const outbox = new OutcomeOutbox();
      for (const [i, told] of outcomes.entries()) outbox.add(i, told, number, seq);
      const message = structuredClone(outbox.take());
      const arrived: Outcome[] = [];
      const take = (i: number, told: Outcome, from: number, at: number) => {
        expect([from, at]).toEqual([number, seq]);
        arrived[i] = told;
      };
      eachOutcome(message.text, () => asked, take);
      for (const item of message.items) take(...item);
      expect(arrived).toEqual(outcomes);
    }),
  );
});
