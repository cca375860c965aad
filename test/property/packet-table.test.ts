/** The packed table says what a plain list of packets says. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketTable } from '../../engine/core/packet-table.ts';

const id = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.:@-]{1,64}$/),
  // Few ids, so that receivers hold several packets and share beginnings.
  fc.integer({ min: 0, max: 8 }).map((n) => 'u'.repeat(n + 1)),
);
const amount = fc.oneof(
  fc.integer({ min: 1, max: 1_000 }),
  fc.maxSafeInteger().map((n) => Math.abs(n) || 1),
);
const step = fc.record({
  receiverId: id,
  open: fc.option(amount),
  laterMs: fc.nat({ max: 10_000_000 }),
});
const seed = fc.nat({ max: 2 ** 32 - 1 });

test('what was added is found, in order, under every hash seed', () => {
  fc.assert(
    fc.property(
      seed,
      fc.nat({ max: 2 ** 42 }),
      fc.array(step, { maxLength: 150 }),
      (key, from, steps) => {
        const table = new PacketTable(Math.max(2, steps.length), key);
        const model: { receiverId: string; claimedAt: number; amount: number; openedAt: number }[] =
          [];
        let now = from;
        for (const { receiverId, open, laterMs } of steps) {
          now += laterMs;
          const before = model.findLastIndex((row) => row.receiverId === receiverId) + 1;
          expect(table.newestOf(receiverId)).toBe(before);
          model.push({ receiverId, claimedAt: now, amount: 0, openedAt: 0 });
          const packet = table.add(receiverId, now);
          expect(packet).toBe(model.length);
          const row = model[packet - 1]!;
          if (open !== null) {
            table.open(packet, open, now + 1);
            Object.assign(row, { amount: open, openedAt: now + 1 });
          }
        }
        expect(table.claimed).toBe(model.length);
        for (const [i, row] of model.entries()) {
          const packet = i + 1;
          expect(table.receiverId(packet)).toBe(row.receiverId);
          expect(table.claimedAt(packet)).toBe(row.claimedAt);
          expect(table.amount(packet)).toBe(row.amount);
          if (row.amount > 0) expect(table.openedAt(packet)).toBe(row.openedAt);
        }
        for (const receiverId of new Set(model.map((row) => row.receiverId))) {
          const mine = model.flatMap((row, i) => (row.receiverId === receiverId ? [i + 1] : []));
          expect(table.allOf(receiverId)).toEqual(mine);
        }
        expect(table.allOf('nobody')).toEqual([]);
        expect(table.newestOf('nobody')).toBe(0);
      },
    ),
  );
});

test('ids that differ in one character are told apart in a full batch', () => {
  const count = 100_000;
  const table = new PacketTable(count, 1);
  for (let i = 0; i < count; i += 1) table.add(`receiver-${i}`, i);
  for (let i = 0; i < count; i += 997) {
    expect(table.newestOf(`receiver-${i}`)).toBe(i + 1);
    expect(table.newestOf(`receiver-${i + count}`)).toBe(0);
  }
});

test('mistakes of the caller are assertions', () => {
  const table = new PacketTable(2, 1);
  table.add('a', 5);
  expect(() => table.amount(2)).toThrow('claimed');
  expect(() => table.add('b', 4)).toThrow('back in time');
  expect(() => table.add('ä', 6)).toThrow('ASCII');
  expect(() => table.add('u'.repeat(65), 6)).toThrow('short');
  // To look for such an id is no mistake: nobody has it.
  expect(table.newestOf('ä')).toBe(0);
  expect(table.newestOf('u'.repeat(65))).toBe(0);
  table.add('b', 6);
  expect(() => table.add('c', 7)).toThrow('packets');
  table.open(1, 3, 7);
  expect(() => table.open(1, 3, 8)).toThrow('once');
  expect(() => table.open(2, 0, 8)).toThrow('unit');
});
