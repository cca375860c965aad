/** Tells faults that pass by themselves (503, repeat it) from our own errors (500). */

import { UnsafeServer } from '../engine/store/pool.ts';

const passingCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/**
 * SQL states that say nothing about the statement: connection (08), resources (53), shutdown and
 * cancelled (57), rollback by conflict (40), a lock not had in time (55P03), a server that became a
 * standby (25006), a transaction that idled too long (25P03). 08P01 is a protocol error, which is ours.
 */
const passingState = /^((08(?!P01)|53|57|40)[0-9A-Z]{3}|55P03|25006|25P03)$/;
/** Of the driver, which gives them no code. */
const passingMessage = new RegExp(
  [
    'connection terminated',
    'timeout exceeded when trying to connect',
    'timeout expired',
    'query read timeout',
    // The connection broke between two statements of a transaction: the first one behind the break says this.
    'client (has encountered a connection error|was closed) and is not queryable',
  ].join('|'),
  'i',
);

/** True when repeating the request later may well work: its outcome is unknown, not refused. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // A fail-over has led to a server that may not be trusted, until it leads back.
  if (error instanceof UnsafeServer) return true;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (passingCodes.has(code) || passingState.test(code) || passingMessage.test(error.message)) {
    return true;
  }
  if (error instanceof AggregateError) return error.errors.some((inner) => isPassing(inner));
  return error.cause !== undefined && isPassing(error.cause);
}
