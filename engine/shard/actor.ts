/** Actor: one active batch in memory, one command at a time, with the next share drawn ahead (E15, ¶160). */
import { apply, remainingAmount, type Applied } from '../core/batch.ts';
import type { Command } from '../core/command.ts';
import { drawShare } from '../core/split.ts';
import type { BatchState } from '../core/state.ts';
import type { Random } from '../ports/random.ts';

export class Actor {
  readonly state: BatchState;
  readonly shard: number;
  /** Seq of the job that carries the newest event; 0 when all came from the store. */
  newest = 0;
  /** Answers of this actor that wait at the gate. */
  waiting = 0;
  /** What it counted for in memory when it was pinned last; 0 while it is not. */
  pinnedSize = 0;
  readonly #random: Random;
  #share: number | undefined;
  readonly #inputs: { now: number; position: string; share: () => number };

  constructor(state: BatchState, shard: number, random: Random) {
    this.state = state;
    this.shard = shard;
    this.#random = random;
    this.#inputs = { now: 0, position: '', share: () => this.#takeShare() };
    this.drawAhead();
  }

  get batchId(): string {
    return this.state.params.id;
  }

  /** What it takes of the memory budget: itself, its claims, its listed receivers. */
  get size(): number {
    return 1 + this.state.packets.claimed + this.state.listed.size;
  }

  /** Draws the share of the next open, unless it is drawn or nothing is left to open. */
  drawAhead(): void {
    const { params, opened, expired } = this.state;
    if (this.#share !== undefined || expired || opened === params.count) return;
    this.#share =
      params.each ?? drawShare(remainingAmount(this.state), params.count - opened, this.#random);
  }

  #takeShare(): number {
    this.drawAhead();
    const share = this.#share;
    if (share === undefined) throw new Error('nothing is left to open');
    this.#share = undefined;
    return share;
  }

  /**
   * @param now the clock, ms; an actor's time never goes back
   * @param position job id that would carry an event
   */
  execute(command: Command, now: number, position: string): Applied {
    this.#inputs.now = Math.max(now, this.state.lastEventAt);
    this.#inputs.position = position;
    return apply(this.state, command, this.#inputs);
  }
}
