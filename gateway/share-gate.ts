/**
 * What comes before a share, because a share changes things before its answer is kept: under a key one runs at a time,
 * and one that was answered is answered again. A share that others see counts as one message of its sender. (E7, E8)
 */
import type { Social } from '../engine/social/port.ts';
import type { Answer } from './answer.ts';
import { createOnce, type OnceRequest } from './idempotency.ts';
import { problem } from './problems.ts';
import { rateLimited, withQuota } from './rate-limit.ts';
import type { RollingQuota } from './rolling-quota.ts';

export class ShareGate {
  readonly #social: Pick<Social, 'once'>;
  readonly #quota: RollingQuota | undefined;
  /** Users and keys of shares under way: all of a batch come to the process that holds it. */
  readonly #running = new Set<string>();

  /** @param quota of messages */
  constructor(social: Pick<Social, 'once'>, quota: RollingQuota | undefined) {
    this.#social = social;
    this.#quota = quota;
  }

  /** @param isSeen others see it at once: a message or post */
  async pass(once: OnceRequest, isSeen: boolean, share: () => Promise<Answer>): Promise<Answer> {
    const { userId, requestId, tag } = once;
    if (tag === undefined) return this.#counted(once, isSeen, share);
    const name = `${userId} ${tag.key}`;
    if (this.#running.has(name)) {
      return problem(requestId, 'idempotency_in_progress', { retryAfterSeconds: 1 });
    }
    this.#running.add(name);
    try {
      return (await this.#answeredBefore(once)) ?? (await this.#counted(once, isSeen, share));
    } finally {
      this.#running.delete(name);
    }
  }

  async #counted(
    { userId, requestId, tag }: OnceRequest,
    isSeen: boolean,
    share: () => Promise<Answer>,
  ): Promise<Answer> {
    const what = tag?.key ?? Symbol('one share');
    const standing = isSeen ? this.#quota?.take(userId, what) : undefined;
    if (standing?.allowed === false) return rateLimited(requestId, standing);
    const answer = await share();
    return standing === undefined ? answer : withQuota(answer, standing);
  }

  /**
   * The answer under this key, if there is one, before anything is changed: a repeat is answered as it was although the
   * batch has ended since, and another request under the same key has no effect.
   */
  async #answeredBefore(once: OnceRequest): Promise<Answer | undefined> {
    let isFirst = false;
    const answer = await createOnce(this.#social, once, () => {
      isFirst = true;
      return Promise.resolve({ refusal: { code: 'unknown' } });
    });
    return isFirst ? undefined : answer;
  }
}
