/** What was asked and what was heard: the evidence that is compared with the ledger. */

export type Action =
  | 'deposit'
  | 'create'
  | 'confirm'
  | 'audience'
  | 'claim'
  | 'open'
  | 'accounts'
  | 'page'
  | 'claims'
  | 'audit';

/** One request as its client means it; repeated, it is the same request. */
export interface Ask {
  readonly action: Action;
  readonly user: string;
  readonly batch?: string;
  /** Claims: ?open=true. */
  readonly open?: boolean;
  /** Idempotency-Key. */
  readonly key?: string;
  /** The link's key as the client knows it. */
  readonly linkKey?: string;
  /** Opens: the packet by name. */
  readonly packet?: string;
  /** Reads: ?after=. */
  readonly after?: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Times are Date.now(), the clock that the server's own times come from. */
export interface Heard {
  readonly ask: Ask;
  readonly op: number;
  readonly round: number;
  readonly node: number;
  readonly firstSentAt: number;
  /** When the attempt that was answered left. */
  readonly sentAt: number;
  readonly heardAt: number;
  /** Attempts without an answer before this one. */
  readonly unanswered: number;
  readonly status: number;
  readonly code: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Waiter {
  readonly since: number;
  readonly node: number | undefined;
  readonly resolve: (heardAt: number) => void;
}

export class Evidence {
  readonly heard: Heard[] = [];
  /** Requests whose client lost its patience. */
  readonly neverAnswered: Ask[] = [];
  /** Attempts without an answer, by reason. */
  readonly unanswered = new Map<string, number>();
  round = 0;
  #nextOp = 1;
  #waiters: Waiter[] = [];

  nextOp(): number {
    const op = this.#nextOp;
    this.#nextOp += 1;
    return op;
  }

  add(heard: Heard): void {
    this.heard.push(heard);
    if (heard.ask.action !== 'claim' || heard.status !== 201) return;
    this.#waiters = this.#waiters.filter(({ since, node, resolve }) => {
      if (heard.sentAt < since || (node !== undefined && heard.node !== node)) return true;
      resolve(heard.heardAt);
      return false;
    });
  }

  miss(reason: string): void {
    this.unanswered.set(reason, (this.unanswered.get(reason) ?? 0) + 1);
  }

  /** When the first new claim that left at `since` or later was acknowledged (by that node, if one is named). */
  firstClaimAfter(since: number, node: number | undefined): Promise<number> {
    return new Promise((resolve) => {
      this.#waiters.push({ since, node, resolve });
    });
  }
}
