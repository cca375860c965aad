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

/** What was counted, and when, the oldest first; two short lists take a third of the room of a Map. */
interface User {
  readonly whats: (string | symbol)[];
  readonly times: number[];
}

export class RollingQuota {
  readonly #policy: QuotaPolicy;
  readonly #nowMs: () => number;
  /** Users counted since the last turn, and since the one before it: who is in neither has nothing that still counts. */
  #newer = new Map<string, User>();
  #older = new Map<string, User>();
  #turnMs: number;

  /** @param nowMs monotonic: a clock that is set must not lock anybody out */
  constructor(policy: QuotaPolicy, nowMs: () => number) {
    this.#policy = policy;
    this.#nowMs = nowMs;
    this.#turnMs = nowMs() + policy.windowMs;
  }

  /** Entries of users it remembers; who is idle is forgotten after two windows at the latest. */
  get size(): number {
    return this.#newer.size + this.#older.size;
  }

  /** Counts `what`, unless it stands already. A refusal is not counted: who waits as told is let through. */
  take(userId: string, what: string | symbol): Standing {
    const { most, windowMs } = this.#policy;
    const now = this.#nowMs();
    const over = now - windowMs;
    if (now >= this.#turnMs) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#turnMs = now + windowMs;
    }
    const user = this.#newer.get(userId) ?? this.#older.get(userId);
    if (user === undefined) {
      // As literals: lists that grow from nothing take room for many at once.
      this.#newer.set(userId, { whats: [what], times: [now] });
      return { policy: this.#policy, allowed: true, remaining: most - 1, freeInMs: windowMs };
    }
    const { whats, times } = user;
    while ((times[0] ?? now) <= over) {
      times.shift();
      whats.shift();
    }
    const known = whats.includes(what);
    const allowed = known || whats.length < most;
    if (allowed && !known) {
      whats.push(what);
      times.push(now);
      this.#newer.set(userId, user);
    }
    const freeInMs = (times[0] ?? now) + windowMs - now;
    return { policy: this.#policy, allowed, remaining: most - whats.length, freeInMs };
  }
}
