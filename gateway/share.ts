/**
 * Sharing: the audience as of sending is durable at the batch's owner before anybody sees the message or post, which is
 * then made together with the answer under its idempotency key. A crash in between leaves an audience and nothing to
 * see; the same request completes it. No transaction is open while the engine is waited for. (E7 ¶106–120, E8)
 */
import type { AudienceOutcome } from '../engine/api.ts';
import type { Tx } from '../engine/books/types.ts';
import { idArray, piecesOf, type Ids } from '../engine/core/id-list.ts';
import type { Channel } from '../engine/core/types.ts';
import { audienceEventMax, shareTurnsMax } from '../engine/limits.ts';
import type { Addressees } from '../engine/social/audience.ts';
import type { BatchLink } from '../engine/social/types.ts';
import type { Answer } from './answer.ts';
import type { AppDeps } from './deps.ts';
import { assertNever } from './http.ts';
import { createOnce, type OnceRequest, type Refusal } from './idempotency.ts';
import { problem } from './problems.ts';
import { receiveLink } from './routes/batches.ts';
import { strangersRefusal } from './routes/groups.ts';

/** What is to be seen, once its audience is durable. */
export interface Shown {
  readonly link: BatchLink;
  readonly greeting: string;
}
export type Posted = { readonly body: object } | { readonly refusal: Refusal };

/** How one channel shares. */
export interface Sharing {
  readonly channel: Channel;
  /** Undefined: nobody to look up. */
  readonly to: Addressees | undefined;
  /** Field that names contacts. */
  readonly field: 'to' | 'visibleTo';
  /** Receivers who need not be looked up. */
  readonly named: readonly string[];
  readonly anyone: boolean;
  /** Readers are found by the stored audience, so they wait until it is settled. */
  readonly readBySettled: boolean;
  readonly post: (tx: Tx, shown: Shown) => Promise<Posted>;
}

interface Audience {
  readonly receivers: Ids;
  readonly count: number;
  /** Of a group, its newest message then. */
  readonly lastNo: number;
}

/** Refusals of the world outside the transaction, as problems. */
type Step<T> = { readonly value: T } | { readonly refusal: Answer };

export class Share {
  readonly #deps: AppDeps;
  readonly #batchId: string;
  readonly #once: OnceRequest;
  readonly #sharing: Sharing;

  constructor(deps: AppDeps, batchId: string, once: OnceRequest, sharing: Sharing) {
    this.#deps = deps;
    this.#batchId = batchId;
    this.#once = once;
    this.#sharing = sharing;
  }

  async run(): Promise<Answer> {
    const { social } = this.#deps;
    const shown = await this.#shown();
    if ('refusal' in shown) return shown.refusal;
    const audience = await this.#audience();
    if ('refusal' in audience) return audience.refusal;
    const { receivers, count, lastNo } = audience.value;
    // Only in groups somebody comes in: no set of 100,000 friends for nothing.
    const known = new Set(this.#sharing.to?.kind === 'group' ? idArray(receivers) : []);
    let fresh: Iterable<Ids> =
      count > audienceEventMax ? piecesOf(receivers, audienceEventMax) : [receivers];
    for (let turn = 0; turn < shareTurnsMax; turn += 1) {
      const stored = await this.#extend(fresh);
      if ('refusal' in stored) return stored.refusal;
      let late: readonly string[] = [];
      const answer = await createOnce(social, this.#once, async (tx) => {
        late = [];
        const posted = await this.#sharing.post(tx, shown.value);
        if ('refusal' in posted) return posted;
        late = await this.#late(tx, lastNo, known);
        if (late.length > 0) return { refusal: { code: 'unknown', extras: retry } };
        return { body: { ...posted.body, receivers: stored.value } };
      });
      if (late.length === 0) return answer;
      for (const userId of late) known.add(userId);
      fresh = [late];
    }
    return problem(this.#once.requestId, 'unknown', retry);
  }

  /** The link and the greeting, for the sender of an active batch. */
  async #shown(): Promise<Step<Shown>> {
    const { books, options } = this.#deps;
    const { userId, requestId } = this.#once;
    const batchId = this.#batchId;
    const result = await books.batchPage(batchId, userId, undefined);
    const refuse = (code: Refusal['code'], extras?: Refusal['extras']) => ({
      refusal: problem(requestId, code, extras),
    });
    switch (result.code) {
      case 'page': {
        const { isSender, status, linkKey, greeting } = result.page;
        if (!isSender) return refuse('not_sender');
        if (status === 'awaiting_confirmation') return refuse('not_active');
        const link = { batchId, url: receiveLink(options.publicUrl, batchId, linkKey) };
        return { value: { link, greeting } };
      }
      case 'batch_not_found':
        return refuse(result.code);
      case 'forbidden':
        return refuse('not_sender');
      case 'quarantined':
        return refuse(result.code, { retryAfterSeconds: 60 });
      default:
        return assertNever(result);
    }
  }

  async #audience(): Promise<Step<Audience>> {
    const { to, field, named } = this.#sharing;
    if (to === undefined) return { value: { receivers: named, count: named.length, lastNo: 0 } };
    const { userId, requestId } = this.#once;
    const found = await this.#deps.social.audienceOf(userId, to);
    switch (found.code) {
      case 'found':
        return { value: found };
      case 'not_contacts': {
        const { code, extras } = strangersRefusal(found, field);
        return { refusal: problem(requestId, code, extras) };
      }
      case 'group_not_found':
        return { refusal: problem(requestId, found.code) };
      default:
        return assertNever(found);
    }
  }

  /** One event for each of the lists; gives how many receivers the batch has now. */
  async #extend(lists: Iterable<Ids>): Promise<Step<number>> {
    const { engine } = this.#deps;
    const { channel, anyone, readBySettled } = this.#sharing;
    const { userId: senderId, requestId } = this.#once;
    const common = { batchId: this.#batchId, senderId, channel, anyone, unlessExhausted: true };
    let outcome: AudienceOutcome = { code: 'unknown', ...retry };
    for (const receivers of lists) {
      outcome = await engine.extendAudience({ ...common, receivers });
      if (outcome.code !== 'extended') break;
    }
    switch (outcome.code) {
      case 'extended':
        // Not settled in time: some see the post a little later.
        if (readBySettled) await engine.caughtUp({ after: outcome.position });
        return { value: outcome.receivers };
      case 'batch_not_found':
      case 'not_sender':
      case 'not_active':
      case 'expired':
      case 'exhausted':
      case 'audience_full':
        return { refusal: problem(requestId, outcome.code) };
      case 'overloaded':
      case 'unknown':
      case 'quarantined':
        return { refusal: problem(requestId, outcome.code, outcome) };
      default:
        return assertNever(outcome);
    }
  }

  /** Members who came in since, and would see packets that refuse them. */
  async #late(tx: Tx, lastNo: number, known: ReadonlySet<string>): Promise<readonly string[]> {
    const { to } = this.#sharing;
    if (to?.kind !== 'group') return [];
    const maybe = await this.#deps.social.newcomers(tx, to.groupId, lastNo);
    return maybe.filter((userId) => !known.has(userId));
  }
}

const retry = { retryAfterSeconds: 1 };
