/** Which failures a client may repeat (invariant 7): 503, not 500. */
import { expect, it } from 'vitest';
import { isPassing } from '../../gateway/faults.ts';

it.each([
  'Connection terminated unexpectedly',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
])('the driver says %j: nobody knows', (message) => {
  expect(isPassing(new Error(message))).toBe(true);
  expect(isPassing(new Error('outer', { cause: new Error(message) }))).toBe(true);
});

it.each(['ECONNREFUSED', '57P01', '57P02', '40001', '53300', '08006'])('code %s passes', (code) => {
  expect(isPassing(Object.assign(new Error('x'), { code }))).toBe(true);
});

it.each(['23505', '22003', '08P01', 'ERR_ASSERTION'])('code %s is ours', (code) => {
  expect(isPassing(Object.assign(new Error('x'), { code }))).toBe(false);
});
