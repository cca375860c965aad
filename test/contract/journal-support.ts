import { type Journal, parseJobId } from '../../engine/ports/journal.ts';

/** What arrived at a handler, and a promise for the n-th arrival. */
export interface Arrivals {
  readonly seen: readonly { readonly id: string; readonly payload: string }[];
  readonly handler: (id: string, payload: string) => Promise<void>;
  /** Resolves when `count` jobs have arrived, counting every delivery. */
  arrived(count: number): Promise<void>;
}

/** @param work runs inside the handler; what it throws, the handler throws */
export function arrivals(work: (id: string) => Promise<void> = async () => {}): Arrivals {
  const seen: { id: string; payload: string }[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    seen,
    async handler(id, payload) {
      seen.push({ id, payload });
      for (const { count, resolve } of waiting) if (seen.length >= count) resolve();
      await work(id);
    },
    arrived(count) {
      return new Promise((resolve) => {
        if (seen.length >= count) resolve();
        else waiting.push({ count, resolve });
      });
    },
  };
}

/** Ids `<number>-1` … `<number>-<count>`. */
export function idsOf(number: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${number}-${index + 1}`);
}

export async function addAll(journal: Journal, ids: readonly string[]): Promise<void> {
  for (const id of ids) await journal.add(id, payloadOf(id));
}

/** A payload that says which job it is of, in the alphabet that events use. */
export function payloadOf(id: string): string {
  const parts = parseJobId(id);
  return `f1;owner=${parts?.number};seq=${parts?.seq};claim:u~1,open:u~2`;
}

/** Repeats until it resolves; for what comes back by itself, where nothing announces it. */
export async function untilItWorks<T>(attempt: () => Promise<T>, timeoutMs = 15_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
