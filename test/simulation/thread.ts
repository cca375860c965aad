/** A shard thread: the real Host on its own machine, and what its process knows of it (as engine/threads/shard-thread.ts). */
import type { Command } from '../../engine/core/command.ts';
import { unknown, type Outcome } from '../../engine/shard/request.ts';
import { Host } from '../../engine/shard/host.ts';
import { Dice } from './dice.ts';
import { Machine, type Wall } from './machine.ts';
import { machineJournal, machineStore } from './ports.ts';
import type { World } from './world.ts';

export type Answered = (outcome: Outcome, number: number, seq: number) => void;

export class Thread {
  readonly machine: Machine;
  readonly host: Host;
  readonly #world: World;
  readonly #waiting = new Set<Answered>();
  #serving = false;
  /** Take-overs begun and not finished. */
  taking = 0;

  constructor(world: World, name: string, wall: Wall, shards: readonly number[]) {
    this.#world = world;
    this.machine = new Machine(name, world.clock, wall);
    const { machine } = this;
    const ports = { machine, network: world.network, later: world.later };
    const observer = world.observer(this);
    const { residentActors } = world.setting;
    this.host = new Host({
      journal: machineJournal(ports, world.journal.open(), world.addFaults),
      store: machineStore(ports, world.store, (number) => {
        this.taking += 1;
        world.newNumber(number, this);
      }),
      clock: machine.clock,
      random: new Dice(world.setting.seed, `shares ${name}`),
      observer: {
        ...observer,
        takenOver: (count, durationMs) => {
          this.taking = 0;
          observer.takenOver(count, durationMs);
        },
      },
      journalWatermark: 0.8,
      ...(residentActors === undefined ? {} : { residentActors }),
    });
    this.host.start(shards).then(
      () => {
        this.#serving = true;
      },
      (error: unknown) => world.fail(error),
    );
  }

  get serving(): boolean {
    return this.#serving && this.machine.state !== 'dead';
  }

  assign(shards: readonly number[]): void {
    this.machine.deliver(() => this.host.assign(shards));
  }

  /** From the gateway's thread to this one; the answer comes back the same way. */
  request(batchId: string, command: Command, answered: Answered): void {
    if (!this.serving) {
      answered(unknown, 0, 0);
      return;
    }
    this.#waiting.add(answered);
    this.machine.clock.soon(() =>
      this.host.handle({
        batchId,
        command,
        reply: (outcome, number = 0, seq = 0) => {
          this.#world.auditor.released(batchId, outcome);
          this.#world.clock.soon(() => {
            if (this.#waiting.delete(answered)) answered(outcome, number, seq);
          });
        },
      }),
    );
  }

  /** Whoever waited is told that nobody knows. */
  kill(): void {
    this.machine.kill();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const answered of waiting) answered(unknown, 0, 0);
  }
}
