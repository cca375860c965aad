/** A programmer error: the code's own assumption does not hold. Business outcomes are values, never these. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** @throws AssertionError with this message when the condition does not hold */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the default branch of a switch over a closed set of values. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected value: ${JSON.stringify(value)}`);
}
