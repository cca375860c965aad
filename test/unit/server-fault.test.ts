/** Which servers are refused, with the line to set (DESIGN: Two ways to run). */
import { expect, test } from 'vitest';
import { serverFault } from '../../engine/store/pool.ts';

const safe = {
  version: '150004',
  recovery: false,
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
};

test('a primary that writes through is safe', () => {
  expect(serverFault(safe)).toBeUndefined();
});

const faults: [object, RegExp][] = [
  [{ version: '140011' }, /PostgreSQL 15 or later/],
  [{ recovery: true }, /set DATABASE_URL to the primary/],
  [{ fsync: 'off' }, /set fsync = on/],
  [{ full_page_writes: 'off' }, /set full_page_writes = on/],
  [{ synchronous_commit: 'off' }, /set synchronous_commit = on/],
  [{ synchronous_commit: 'local' }, /set synchronous_commit = on/],
];
for (const [change, message] of faults) {
  test(`${JSON.stringify(change)} is refused with what to set`, () => {
    expect(serverFault({ ...safe, ...change })).toMatch(message);
  });
}
