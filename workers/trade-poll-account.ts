/**
 * One poll of one account: load, log in where needed, page through, each page's trades and cursor in one transaction.
 * Path B. (T9, c15, ¶87)
 *
 * Killed anywhere, it is harmless: what was not accepted is asked for again from the cursor that stands, and what comes
 * twice is known by its id. Two at a time are harmless as well: the cursor moves for one of them only.
 */
import { LRUCache } from 'lru-cache';
import { type Asked, guard } from '../engine/bank/guard.ts';
import { unclear } from '../engine/bank/json-client.ts';
import type { OutsideMeter } from '../engine/bank/meter.ts';
import {
  pollFailuresRemembered,
  pollLoginsLengthMax,
  pollLoginsRemembered,
  pollPagesMax,
  pollRestMsMax,
  pollSessionMarginMs,
} from '../engine/limits.ts';
import type { TradePlatform, Unavailable } from '../engine/ports/trade-platform.ts';
import type { PolledAccount, TradePolls } from '../engine/ports/trade-polls.ts';

export type PollOutcome =
  /** `isDone` false: there is more, for the next time. */
  | { readonly code: 'polled'; readonly trades: number; readonly isDone: boolean }
  /** It is not polled any more. */
  | { readonly code: 'gone' }
  | { readonly code: 'wrong_secret' }
  /** Somebody else is at it. */
  | { readonly code: 'stale' }
  /** It failed lately; not asked. */
  | { readonly code: 'resting' }
  | { readonly code: 'circuit_open' }
  | { readonly code: 'unavailable'; readonly reason: string; readonly retryAfterMs?: number };

export interface PollerDeps {
  readonly platform: TradePlatform;
  readonly polls: TradePolls;
  readonly intervalMs: number;
  readonly meter: OutsideMeter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Login {
  readonly secret: string;
  readonly session: string;
  readonly expiresAt: number;
}

export class AccountPoller {
  readonly #deps: PollerDeps;
  readonly #guard: ReturnType<typeof guard>;
  readonly #busy = new Set<string>();
  /** In memory only: a session is as good as a secret. */
  readonly #logins = new LRUCache<string, Login>({
    max: pollLoginsRemembered,
    maxSize: pollLoginsLengthMax,
    sizeCalculation: ({ secret, session }) => secret.length + session.length,
  });
  readonly #failures = new LRUCache<string, { readonly count: number; readonly until: number }>({
    max: pollFailuresRemembered,
  });

  constructor(deps: PollerDeps) {
    this.#deps = deps;
    this.#guard = guard(`platform ${deps.platform.name}`, deps.meter);
  }

  /** Rejects only when the database does. */
  async poll(id: string): Promise<PollOutcome> {
    if (this.#busy.has(id)) return { code: 'stale' };
    if ((this.#failures.get(id)?.until ?? 0) > this.#deps.now()) return { code: 'resting' };
    this.#busy.add(id);
    try {
      const polled = await this.#deps.polls.load(id);
      if (polled === undefined) return this.#forget(id, { code: 'gone' });
      const outcome = await this.#through(polled);
      switch (outcome.code) {
        case 'wrong_secret':
          await this.#deps.polls.wrongSecret(polled);
          return this.#forget(id, outcome);
        case 'gone':
          return this.#forget(id, outcome);
        case 'unavailable':
          this.#fail(id, outcome.retryAfterMs ?? 0);
          return outcome;
        case 'polled':
          this.#failures.delete(id);
          return outcome;
        case 'stale':
        case 'resting':
        case 'circuit_open':
          return outcome;
      }
    } finally {
      this.#busy.delete(id);
    }
  }

  /** Pages until there is no more; a login that has expired meanwhile is made again, once. */
  async #through(first: PolledAccount): Promise<PollOutcome> {
    const { platform, polls } = this.#deps;
    let polled = first;
    let trades = 0;
    let hasLoggedIn = false;
    for (let pages = 0; pages < pollPagesMax;) {
      const login = await this.#login(polled);
      if (login.code !== 'logged_in') return login;
      const from = polled;
      const page = await this.#ask('trades', () =>
        platform.trades(from, login.session, from.cursor),
      );
      switch (page.code) {
        case 'login_expired':
          this.#logins.delete(polled.id);
          if (hasLoggedIn) return { code: 'unavailable', reason: 'login_loop' };
          hasLoggedIn = true;
          continue;
        case 'wrong_secret':
        case 'circuit_open':
        case 'unavailable':
          return page;
        case 'page':
      }
      const { cursor, malformed } = page;
      const isNews = page.trades.length > 0 || malformed.length > 0 || cursor !== polled.cursor;
      if (isNews) {
        const accepted = await polls.accept(polled, page);
        if (accepted !== 'accepted') return { code: accepted };
      }
      trades += page.trades.length;
      if (!page.more) return { code: 'polled', trades, isDone: true };
      polled = { ...polled, cursor };
      pages += 1;
    }
    return { code: 'polled', trades, isDone: false };
  }

  async #login(polled: PolledAccount) {
    const { platform, now } = this.#deps;
    const known = this.#logins.get(polled.id);
    const isGood = known?.secret === polled.secret && known.expiresAt - pollSessionMarginMs > now();
    if (isGood) return { code: 'logged_in' as const, session: known.session };
    const login = await this.#ask('login', () => platform.login(polled));
    if (login.code !== 'logged_in') return login;
    const { session, expiresAt = Infinity } = login;
    this.#logins.set(polled.id, { secret: polled.secret, session, expiresAt });
    return { code: 'logged_in' as const, session };
  }

  /** Through the platform's circuit. A platform that asks for patience is there, and so is one whose answer is too large. */
  async #ask<Result extends { readonly code: string }>(
    operation: string,
    call: () => Promise<Result | Unavailable>,
  ): Promise<Exclude<Result, Unavailable> | Unavailable | { readonly code: 'circuit_open' }> {
    const asked = await this.#guard.ask(
      operation,
      false,
      async (): Promise<Asked<Result | Unavailable>> => {
        const result = await call();
        return isUnclear(result) ? unclear(result.reason) : { kind: 'answer', value: result };
      },
    );
    if (asked.kind === 'answer') return asked.value as Exclude<Result, Unavailable> | Unavailable;
    if (asked.reason === 'circuit_open') return { code: 'circuit_open' };
    return { code: 'unavailable', reason: asked.reason };
  }

  #forget(id: string, outcome: PollOutcome): PollOutcome {
    this.#logins.delete(id);
    this.#failures.delete(id);
    return outcome;
  }

  /** The more often in a row, the longer it is left alone. */
  #fail(id: string, retryAfterMs: number): void {
    const { intervalMs, now } = this.#deps;
    const count = (this.#failures.get(id)?.count ?? 0) + 1;
    const restMs = Math.min(intervalMs * 2 ** Math.min(count - 1, 16), pollRestMsMax);
    // Half an interval less, so that the poll at the end of the rest is not one too early.
    const until = now() + Math.max(retryAfterMs, restMs - intervalMs / 2);
    this.#failures.set(id, { count, until });
  }
}

/**
 * What the account's own trades bring about, or how far it was read: other accounts may be answered well. A member with
 * many such accounts must not open the circuit for everybody.
 */
const ownReasons: ReadonlySet<string> = new Set(['too_large', 'no_progress', 'wrong_cursor']);

function isUnclear(result: { readonly code: string }): result is Unavailable {
  if (result.code !== 'unavailable' || 'retryAfterMs' in result) return false;
  return !('reason' in result && ownReasons.has(String(result.reason)));
}
