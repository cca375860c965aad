/**
 * At most so many things of one user in any window of time: exact, synchronous, in the memory of this process. What
 * was let through before passes again for nothing, so that a repeat is never refused nor counted.
 */

export interface QuotaPolicy {
  /** Names it in the `RateLimit` headers. */
  readonly name: string;
  readonly most: number;
  readonly windowMs: number;
}

/** How a user stands to a quota. */
export interface Standing {
  readonly policy: QuotaPolicy;
  readonly allowed: boolean;
  readonly remaining: number;
  /** Until the next thing is free again. */
  readonly freeInMs: number;
}

interface User {
  /** What was counted, and when; the oldest first. */
  readonly counted: Map<string | symbol, number>;
  newestMs: number;
}

export class RollingQuota {
  readonly #policy: QuotaPolicy;
  readonly #nowMs: () => number;
  /** Who was counted last comes last. */
  readonly #users = new Map<string, User>();

  /** @param nowMs monotonic: a clock that is set must not lock anybody out */
  constructor(policy: QuotaPolicy, nowMs: () => number) {
    this.#policy = policy;
    this.#nowMs = nowMs;
  }

  /** Users it remembers; those whose window is over go as others come. */
  get size(): number {
    return this.#users.size;
  }

  /** Counts `what`, unless it stands already. A refusal is not counted: who waits as told is let through. */
  take(userId: string, what: string | symbol): Standing {
    const { most, windowMs } = this.#policy;
    const now = this.#nowMs();
    const over = now - windowMs;
    const user = this.#users.get(userId) ?? {
      counted: new Map<string | symbol, number>(),
      newestMs: now,
    };
    const { counted } = user;
    for (const [one, at] of counted) {
      if (at > over) break;
      counted.delete(one);
    }
    const known = counted.has(what);
    const allowed = known || counted.size < most;
    if (allowed && !known) {
      counted.set(what, now);
      user.newestMs = now;
      this.#users.delete(userId);
      this.#users.set(userId, user);
      this.#forget(over);
    }
    const [oldest = now] = counted.values();
    return {
      policy: this.#policy,
      allowed,
      remaining: most - counted.size,
      freeInMs: oldest + windowMs - now,
    };
  }

  /** Two for each one that comes: the idle never pile up, and nobody waits for a sweep. */
  #forget(over: number): void {
    let looked = 0;
    for (const [userId, { newestMs }] of this.#users) {
      if (newestMs > over || looked === 2) return;
      this.#users.delete(userId);
      looked += 1;
    }
  }
}
