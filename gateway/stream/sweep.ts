/** Asks now and then what the newest push of each connected user is, so that a word that was lost costs seconds only. */
import type { Pushes } from '../../engine/push/port.ts';

export interface SweepDeps {
  readonly pushes: Pick<Pushes, 'newest' | 'touch'>;
  /** Users asked about at a time. */
  readonly usersMax: number;
  readonly users: () => string[];
  /** Undefined: the user is no listener. */
  readonly hear: (userId: string, newest: number | undefined) => void;
}

export class Sweep {
  readonly #deps: SweepDeps;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  /** Asks about everybody; while that is under way, once more after it. */
  run(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#rounds().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Everybody is kept as a listener. */
  async touch(): Promise<void> {
    for (const users of this.#chunks()) await this.#deps.pushes.touch(users);
  }

  async #rounds(): Promise<void> {
    do {
      this.#again = false;
      for (const users of this.#chunks()) {
        const newest = await this.#deps.pushes.newest(users);
        for (const userId of users) this.#deps.hear(userId, newest.get(userId));
      }
    } while (this.#again);
  }

  *#chunks(): Generator<string[]> {
    const { usersMax, users } = this.#deps;
    const all = users();
    for (let i = 0; i < all.length; i += usersMax) yield all.slice(i, i + usersMax);
  }
}
