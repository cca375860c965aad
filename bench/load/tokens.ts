/** Tokens made ahead, so that nobody signs while the clock runs. */
import { createHmac } from 'node:crypto';

const lifeSeconds = 86_400;
/** All names of receivers are equally long, and so are their tokens. */
const digits = 7;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An HS256 token as the gateway verifies it. */
export function signToken(secret: string, userId: string, scope?: string): string {
  const exp = Math.floor(Date.now() / 1_000) + lifeSeconds;
  const claims = { sub: userId, aud: 'hongbao', exp, ...(scope === undefined ? {} : { scope }) };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export function receiverName(index: number): string {
  return `receiver-${String(index).padStart(digits, '0')}`;
}

/** Header lines in one piece of memory: a million of them are one object. */
export interface Authorizations {
  readonly count: number;
  /** Bytes of each. */
  readonly width: number;
  readonly bytes: Buffer;
}

export function authorizationsFor(secret: string, receivers: number): Authorizations {
  const line = (index: number) =>
    `Authorization: Bearer ${signToken(secret, receiverName(index))}\r\n`;
  const width = line(0).length;
  const bytes = Buffer.alloc(width * receivers);
  for (let i = 0; i < receivers; i += 1) bytes.write(line(i), i * width, 'latin1');
  return { count: receivers, width, bytes };
}
