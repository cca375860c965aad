/**
 * Limits of a product, off unless configured, and how they are told: `RateLimit` and `RateLimit-Policy` of the IETF
 * draft (draft-ietf-httpapi-ratelimit-headers-10), `Retry-After` and a 429. A refusal reveals and changes nothing.
 */
import { batchQuotaWindowMs, claimQuotaWindowMs, messageQuotaWindowMs } from '../engine/limits.ts';
import type { Answer } from './answer.ts';
import type { AppDeps } from './deps.ts';
import { problem, type ProblemExtras } from './problems.ts';
import { RollingQuota, type QuotaPolicy, type Standing } from './rolling-quota.ts';

const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

/** `r`: left; `t`: seconds until one more is. */
export function quotaHeaders(standing: Standing): Readonly<Record<string, string>> {
  const { policy, remaining, freeInMs } = standing;
  const { name, most, windowMs } = policy;
  return {
    ratelimit: `"${name}";r=${Math.max(0, remaining)};t=${secondsOf(freeInMs)}`,
    'ratelimit-policy': `"${name}";q=${most};w=${secondsOf(windowMs)}`,
  };
}

/** The extras of a `rate_limited`. */
export function overQuota(standing: Standing): ProblemExtras {
  const { name, most, windowMs } = standing.policy;
  return {
    detail: `At most ${most} ${name} in ${secondsOf(windowMs)} seconds; nothing was done, repeat the request later.`,
    retryAfterSeconds: secondsOf(standing.freeInMs),
    headers: quotaHeaders(standing),
  };
}

export const rateLimited = (requestId: string, standing: Standing): Answer =>
  problem(requestId, 'rate_limited', overQuota(standing));

/** The answer with how its caller stands now. */
export const withQuota = (answer: Answer, standing: Standing): Answer => ({
  ...answer,
  headers: { ...answer.headers, ...quotaHeaders(standing) },
});

type Limited = Pick<AppDeps, 'clock' | 'options'>;

/** Of a sender, counted by the books: exact over all processes and restarts. */
export function batchPolicy({ options }: Limited): QuotaPolicy | undefined {
  const most = options.rateLimits?.batchesPerHour;
  return most === undefined ? undefined : { name: 'batches', most, windowMs: batchQuotaWindowMs };
}

/** Of a receiver, by each process for itself. */
export function claimQuota({ clock, options }: Limited): RollingQuota | undefined {
  const most = options.rateLimits?.claimsPerMinute;
  if (most === undefined) return undefined;
  const policy = { name: 'claims', most, windowMs: claimQuotaWindowMs };
  return new RollingQuota(policy, () => clock.monotonic());
}

/** Of a sender of messages, posts, shares and contact requests, by each process for itself. */
export function messageQuota({ clock, options }: Limited): RollingQuota | undefined {
  const most = options.rateLimits?.messagesPerMinute;
  if (most === undefined) return undefined;
  const policy = { name: 'messages', most, windowMs: messageQuotaWindowMs };
  return new RollingQuota(policy, () => clock.monotonic());
}
