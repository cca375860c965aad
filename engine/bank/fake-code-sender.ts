/** A CodeSender that keeps what it is given; a repeat with the same id is the same message. */
import type { CodeMessage, CodeSender } from '../ports/code-sender.ts';

export interface FakeCodeSender {
  readonly sender: CodeSender;
  /** By id. */
  readonly taken: ReadonlyMap<string, CodeMessage>;
  /** The next so many sends: nobody knows whether they were taken. They are when `andTake`. */
  fail(times: number, andTake: boolean): void;
}

export function fakeCodeSender(): FakeCodeSender {
  const taken = new Map<string, CodeMessage>();
  let failing = 0;
  let takes = true;
  return {
    taken,
    fail(times, andTake) {
      failing = times;
      takes = andTake;
    },
    sender: {
      async send(message) {
        const isLost = failing > 0;
        if (isLost) failing -= 1;
        if (isLost && !takes) return false;
        const before = taken.get(message.id);
        if (before !== undefined && before.code !== message.code) return false;
        taken.set(message.id, message);
        return !isLost;
      },
    },
  };
}
