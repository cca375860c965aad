/** What every adapter makes of a platform's answers that are none. */
import { z } from 'zod';
import { platformIdLengthMax, platformRetryMsMax } from '../limits.ts';
import type { Malformed, Unavailable } from '../ports/trade-platform.ts';
import type { OutboundReply } from './outbound.ts';

type Reply = Extract<OutboundReply, { kind: 'reply' }>;

export function unavailable(reason: string, retryAfterMs?: number): Unavailable {
  return { code: 'unavailable', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** For a status that the platform's contract does not know, 429 and 5xx among them. */
export function unexpected({ status, headers }: Reply, now: number): Unavailable {
  return unavailable(`status_${status}`, retryAfterMs(headers['retry-after'], now));
}

/** Seconds, or a date. Undefined for what is neither. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const delayMs = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isFinite(delayMs) ? Math.min(Math.max(delayMs, 0), platformRetryMsMax) : undefined;
}

/** The JSON of a body, or undefined for what is none. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    return undefined;
  }
}

/** @returns undefined for what is no JSON or has another shape */
export function read<Value>(schema: z.ZodType<Value>, body: Uint8Array): Value | undefined {
  const parsed = schema.safeParse(jsonOf(body));
  return parsed.success ? parsed.data : undefined;
}

const withId = z.object({ id: z.union([z.string().min(1).max(platformIdLengthMax), z.int()]) });

/** A trade that is none: which one, where that can be told, and the first thing that is wrong about it. */
export function malformed(item: unknown, reason: string): Malformed {
  const named = withId.safeParse(item);
  return { id: named.success ? String(named.data.id) : undefined, reason };
}

/** Where a value does not fit; what stands there is not shown. */
export function reasonOf(error: z.ZodError): string {
  const issue = error.issues[0];
  const place = issue?.path.join('.').slice(0, 64) ?? '';
  return `${place === '' ? 'trade' : place}: ${issue?.code ?? 'wrong'}`;
}
