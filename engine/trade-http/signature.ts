/** HMAC-SHA256 of pushes, compared without telling by the time taken how much of it was right. (T8) */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** @param given as the header has it; anything at all */
export function isSigned(
  given: string | undefined,
  encoding: 'hex' | 'base64',
  secret: string,
  ...parts: readonly (string | Uint8Array)[]
): boolean {
  if (given === undefined) return false;
  const digest = sign(secret, ...parts);
  const expected = Buffer.from(digest.toString(encoding));
  const actual = Buffer.from(encoding === 'hex' ? given.toLowerCase() : given);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

export function sign(secret: string, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac('sha256', secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

export function digestOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
