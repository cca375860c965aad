/** How long ways take, and the connection to the database. */
import { sleep } from '../../engine/ports/clock.ts';
import type { Dice } from './dice.ts';
import type { Ways } from './setting.ts';
import type { VirtualClock } from './virtual-clock.ts';

export class Network {
  readonly #clock: VirtualClock;
  readonly #dice: Dice;
  readonly #ways: Ways;
  /** From now on no way is slow. */
  calm = false;
  databaseUp = true;
  /** Grows with each crash of the database: calls under way fail. */
  databaseRun = 0;

  constructor(clock: VirtualClock, dice: Dice, ways: Ways) {
    this.#clock = clock;
    this.#dice = dice;
    this.#ways = ways;
  }

  /** Milliseconds of one way. */
  readonly wayMs = (): number => {
    const { minMs, jitterMs, tailChance, tailMs } = this.#ways;
    if (!this.calm && this.#dice.chance(tailChance)) return this.#dice.between(1, tailMs);
    return minMs + (jitterMs === 0 ? 0 : this.#dice.below(jitterMs + 1));
  };

  way(): Promise<void> {
    return sleep(this.#clock, this.wayMs());
  }

  /** A question to the database and its answer. */
  async ask<T>(answer: () => Promise<T>): Promise<T> {
    await this.way();
    const run = this.databaseRun;
    this.#check(run);
    const value = await answer();
    this.#check(run);
    await this.way();
    this.#check(run);
    return value;
  }

  #check(run: number): void {
    if (!this.databaseUp || this.databaseRun !== run) throw new Error('database: connection lost');
  }
}
