/** The packed table says what a Set of strings says, whether lists come as texts or as arrays. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countOf, idArray, joinedIds, isWhole, piecesOf } from '../../engine/core/id-list.ts';
import { ReceiverTable } from '../../engine/core/receiver-table.ts';

const id = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.:@-]{1,64}$/),
  // Few ids, so that lists overlap and hold the same id twice.
  fc.integer({ min: 0, max: 30 }).map((n) => 'u'.repeat(1 + (n % 6)) + String(n % 5)),
);
const list = fc.array(id, { maxLength: 60 });
const seed = fc.nat({ max: 2 ** 32 - 1 });

test('what was added is found, what is missing is told once, under every hash seed', () => {
  fc.assert(
    fc.property(
      seed,
      fc.array(fc.record({ ids: list, asText: fc.boolean(), reserve: fc.nat({ max: 200 }) })),
      (key, steps) => {
        const table = new ReceiverTable(key);
        const model = new Set<string>();
        for (const { ids, asText, reserve } of steps) {
          if (reserve > 150) table.reserve(reserve);
          const given = asText ? joinedIds(ids) : ids;
          const fresh = [...new Set(ids)].filter((one) => !model.has(one));
          const missing = table.missing(given);
          expect([idArray(missing.ids), missing.count]).toEqual([fresh, fresh.length]);
          // Another list in between must not disturb what was found out about this one.
          if (reserve % 3 === 0) table.missing(['other', 'ids']);
          table.add(reserve % 2 === 0 ? missing.ids : given);
          for (const one of ids) model.add(one);
          expect(table.size).toBe(model.size);
        }
        expect([...table]).toEqual([...model]);
        for (const one of model) expect(table.has(one)).toBe(true);
        for (const one of ['nobody', '', 'ü', 'x'.repeat(65)]) expect(table.has(one)).toBe(false);
      },
    ),
  );
});

test('100,000 ids, twice', () => {
  const ids = Array.from({ length: 100_000 }, (_, i) => `user-${i}`);
  const table = new ReceiverTable(7);
  table.add(joinedIds(ids.slice(0, 60_000)));
  const missing = table.missing(joinedIds(ids));
  expect(missing).toEqual({ ids: joinedIds(ids.slice(60_000)), count: 40_000 });
  table.add(missing.ids);
  expect(table.size).toBe(ids.length);
  expect(ids.every((one) => table.has(one))).toBe(true);
  expect(table.has('user-100000')).toBe(false);
});

test('ids that are empty, too long or not ASCII are no list', () => {
  for (const bad of ['a  b', ' a', 'a ', 'x'.repeat(65), 'ü'])
    expect(() => new ReceiverTable(1).add({ joined: bad })).toThrow();
});

test('texts and arrays say the same', () => {
  fc.assert(
    fc.property(list, fc.integer({ min: 1, max: 20 }), (ids, max) => {
      const text = joinedIds(ids);
      expect(idArray(text)).toEqual(ids);
      expect([countOf(text), countOf(ids), isWhole(text)]).toEqual([ids.length, ids.length, true]);
      for (const given of [text, ids]) {
        const pieces = [...piecesOf(given, max)];
        expect(pieces.flatMap((piece) => [...idArray(piece)])).toEqual(ids);
        for (const piece of pieces) expect(countOf(piece)).toBeLessThanOrEqual(max);
      }
    }),
  );
  for (const joined of [' a', 'a ', 'a  b']) expect(isWhole({ joined })).toBe(false);
  expect(isWhole(['a', ''])).toBe(false);
});
