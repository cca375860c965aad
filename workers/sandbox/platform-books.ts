/** What the sandbox platform knows: accounts, their trades in the order they appeared, who is logged in. */
import { randomBytes } from 'node:crypto';

export interface SandboxTrade {
  readonly id: string;
  readonly account: string;
  readonly title: string;
  readonly categories: readonly string[];
  /** Minor units. */
  readonly price: number;
  readonly currency: string;
  /** When it appeared, or changed last. */
  readonly at: number;
  /** As the contract has it, in place of what it should be; for trades that are wrong. */
  readonly raw?: object | undefined;
}

export type NewTrade = Partial<Omit<SandboxTrade, 'at' | 'account'>> & {
  readonly afterMs?: number;
};

interface Account {
  secret: string;
  readonly trades: SandboxTrade[];
  waiting: SandboxTrade[];
}

interface Session {
  readonly account: string;
  readonly expiresAt: number;
}

export class PlatformBooks {
  readonly now: () => number;
  /** How long a login lasts. */
  sessionMs = 3_600_000;
  readonly #accounts = new Map<string, Account>();
  readonly #sessions = new Map<string, Session>();
  /** By account: whose trades are pushed, and to whom they belong in the messaging system. */
  readonly mappings = new Map<string, { readonly userId: string; readonly webhookUrl: string }>();
  logins = 0;
  /** Times that an account's trades were asked for and given. */
  readonly #polls = new Map<string, number>();
  #lastId = 1_000;

  constructor(now: () => number = () => Date.now()) {
    this.now = now;
  }

  addAccount(account: string, secret: string): void {
    const known = this.#accounts.get(account);
    if (known === undefined) this.#accounts.set(account, { secret, trades: [], waiting: [] });
    else known.secret = secret;
  }

  /** Shows up now, or after `afterMs`. */
  addTrade(account: string, trade: NewTrade = {}): SandboxTrade {
    const of = this.#accounts.get(account);
    if (of === undefined) throw new Error(`no account ${account}`);
    const { afterMs = 0, ...given } = trade;
    const added: SandboxTrade = {
      id: String((this.#lastId += 1)),
      account,
      title: 'Headphones',
      categories: ['electronics'],
      price: 12_900,
      currency: 'CNY',
      ...given,
      at: this.now() + afterMs,
    };
    of.waiting.push(added);
    return added;
  }

  secretOf(account: string): string | undefined {
    return this.#accounts.get(account)?.secret;
  }

  hasAccount(account: string): boolean {
    return this.#accounts.has(account);
  }

  accountOfSecret(secret: string): string | undefined {
    for (const [account, known] of this.#accounts) if (known.secret === secret) return account;
    return undefined;
  }

  /** All that have appeared, oldest first; the place in the list never changes. */
  tradesOf(account: string): readonly SandboxTrade[] {
    const of = this.#accounts.get(account);
    if (of === undefined) return [];
    if (of.waiting.length > 0) {
      const now = this.now();
      const due = of.waiting
        .filter(({ at }) => at <= now)
        .toSorted((one, other) => one.at - other.at);
      of.waiting = of.waiting.filter(({ at }) => at > now);
      of.trades.push(...due);
    }
    return of.trades;
  }

  login(account: string): { readonly session: string; readonly expiresAt: number } {
    this.logins += 1;
    const session = randomBytes(18).toString('base64url');
    const expiresAt = this.now() + this.sessionMs;
    this.#sessions.set(session, { account, expiresAt });
    return { session, expiresAt };
  }

  accountOfSession(session: string): string | undefined {
    const known = this.#sessions.get(session);
    return known === undefined || known.expiresAt <= this.now() ? undefined : known.account;
  }

  polled(account: string): void {
    this.#polls.set(account, (this.#polls.get(account) ?? 0) + 1);
  }

  /** Without their secrets. */
  get accounts(): readonly object[] {
    return [...this.#accounts.keys()].map((account) => ({
      account,
      trades: this.tradesOf(account).length,
      polls: this.#polls.get(account) ?? 0,
    }));
  }

  endSessions(): void {
    this.#sessions.clear();
  }
}
