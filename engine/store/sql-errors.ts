/** Which SQL errors blame the data and which pass by themselves. */

/** SQLSTATE of an error, or undefined when it did not come from the server. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/**
 * True for data exceptions (class 22) and constraint violations (class 23): the same rows fail again, always.
 * Everything else (connection, serialization, resources, timeouts, a fault of ours) may pass and is only thrown.
 */
export function isDataError(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && (state.startsWith('22') || state.startsWith('23'));
}

/** Name of the constraint that a row violated. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('constraint' in error)) return undefined;
  return typeof error.constraint === 'string' ? error.constraint : undefined;
}

/** The transaction was rolled back by the server to let others go on; running it again is right. (class 40) */
export function isRollback(error: unknown): boolean {
  return sqlState(error)?.startsWith('40') ?? false;
}

/** A statement behind a failed one in the same transaction; the first error is the one that tells. */
export function isFollowUp(error: unknown): boolean {
  return sqlState(error) === '25P02';
}

const timeouts = new Set(['57014', '55P03', '25P03']);

/** A statement, a lock or a pause inside the transaction took too long; a smaller transaction may do. */
export function isTimeout(error: unknown): boolean {
  return timeouts.has(sqlState(error) ?? '');
}
