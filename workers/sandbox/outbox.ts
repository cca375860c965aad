/** Codes that a sender would bring to phones; here a developer reads them. */
import type { CodeMessage } from '../../engine/ports/code-sender.ts';

export interface OutboxItem extends CodeMessage {
  readonly at: number;
  /** How often it came. */
  readonly times: number;
}

const itemsMax = 10_000;

export class Outbox {
  /** Oldest first. */
  readonly #items = new Map<string, OutboxItem>();

  /** @returns false when the id came before with another code */
  take(message: CodeMessage, now: number): boolean {
    const before = this.#items.get(message.id);
    if (before !== undefined && before.code !== message.code) return false;
    this.#items.set(message.id, {
      ...message,
      at: before?.at ?? now,
      times: (before?.times ?? 0) + 1,
    });
    const [oldest] = this.#items.keys();
    if (this.#items.size > itemsMax && oldest !== undefined) this.#items.delete(oldest);
    return true;
  }

  /** Newest first. */
  list(userId: string | undefined): OutboxItem[] {
    return [...this.#items.values()]
      .filter((item) => userId === undefined || item.userId === userId)
      .toReversed();
  }
}
