/** Tokens made ahead, so that nobody signs while the clock runs. */
import { createHmac } from 'node:crypto';

const lifeSeconds = 86_400;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An HS256 token as the gateway verifies it. */
export function signToken(secret: string, userId: string, scope?: string): string {
  const exp = Math.floor(Date.now() / 1_000) + lifeSeconds;
  const claims = { sub: userId, aud: 'hongbao', exp, ...(scope === undefined ? {} : { scope }) };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export function receiverName(index: number): string {
  return `receiver-${index}`;
}
