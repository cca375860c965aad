/** Small helpers of the routes. */
let lastMs = Number.NaN;
let lastText = '';

/** RFC 3339 UTC of ms since the epoch; many claims share a millisecond, so the last is kept. */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}

/** `isoTime` that passes undefined on, for fields that JSON leaves out. */
export function isoTimeMaybe(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : isoTime(ms);
}

/** Closes a switch over outcomes: a new outcome without an answer does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unexpected outcome ${JSON.stringify(value)}`);
}
