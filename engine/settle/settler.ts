/**
 * Settler: what a queue consumer needs around `settleOwner`. Calls for one owner join the run under way, and the
 * payload that came with a job spares a second fetch (payloads are frozen, so a copy is as good as the original).
 */
import { parseJobId, type Journal } from '../ports/journal.ts';
import { settleOwner, type SettleDeps } from './settle.ts';

interface Run {
  wanted: number;
  done: Promise<number>;
}

export class Settler {
  readonly #deps: SettleDeps;
  readonly #runs = new Map<number, Run>();
  readonly #payloads = new Map<string, string>();

  constructor(deps: SettleDeps & { readonly journal: Journal }) {
    const read = async (ids: readonly string[]) => {
      const missing = ids.filter((id) => !this.#payloads.has(id));
      const fetched = missing.length === 0 ? [] : await deps.journal.read(missing);
      const found = new Map(missing.map((id, i) => [id, fetched[i]]));
      return ids.map((id) => this.#payloads.get(id) ?? found.get(id));
    };
    this.#deps = { ...deps, journal: { read } };
  }

  /** Resolves once this job, and every one before it, has taken effect. */
  async settleJob(id: string, payload: string): Promise<void> {
    const parsed = parseJobId(id);
    if (parsed === undefined) throw new Error(`not a job of this journal: ${id}`);
    this.#payloads.set(id, payload);
    try {
      await this.#settle(parsed.number, parsed.seq);
    } finally {
      this.#payloads.delete(id);
    }
  }

  async #settle(number: number, wanted: number): Promise<void> {
    for (;;) {
      const running = this.#runs.get(number);
      if (running === undefined) break;
      const settled = await running.done.catch(() => 0);
      if (settled >= wanted) return;
    }
    const done = settleOwner(this.#deps, number, wanted);
    const run: Run = { wanted, done };
    this.#runs.set(number, run);
    try {
      await done;
    } finally {
      if (this.#runs.get(number) === run) this.#runs.delete(number);
    }
  }
}
