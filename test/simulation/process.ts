/** A server process: the gateway's side (as engine/threads/engine.ts) and its shard threads, dying and starting again. */
import type { Command } from '../../engine/core/command.ts';
import { shardOf } from '../../engine/core/hash.ts';
import { requestTimeoutMs, respawnDelayMsMin } from '../../engine/limits.ts';
import { unknown, type Outcome } from '../../engine/shard/request.ts';
import { Acknowledged, concerned } from '../../engine/threads/acknowledged.ts';
import { Machine, type Wall } from './machine.ts';
import { machineStore } from './ports.ts';
import { Thread } from './thread.ts';
import type { World } from './world.ts';

export class Process {
  /** Changes with every start, as what a process has told is forgotten with it. */
  readonly name: string;
  readonly index: number;
  readonly machine: Machine;
  readonly wall: Wall = { offsetMs: 0 };
  readonly threads: Thread[];
  readonly acknowledged: Acknowledged;
  readonly #world: World;
  #shards: readonly number[];
  #started = 0;
  /** Until then it does not hear that its shards went to somebody else. */
  deafUntil = 0;

  constructor(world: World, index: number, incarnation: number, shards: readonly number[]) {
    this.#world = world;
    this.index = index;
    this.name = `process ${index}.${incarnation}`;
    this.#shards = shards;
    this.machine = new Machine(this.name, world.clock, this.wall);
    const ports = { machine: this.machine, network: world.network, later: world.later };
    const store = machineStore(ports, world.store, () => undefined);
    this.acknowledged = new Acknowledged(store, this.machine.clock);
    this.threads = Array.from({ length: world.setting.threads }, (_, i) => this.#spawn(i));
  }

  #spawn(index: number): Thread {
    this.#started += 1;
    const name = `${this.name} thread ${index}.${this.#started}`;
    return new Thread(this.#world, name, this.wall, this.#shardsOf(index));
  }

  #shardsOf(index: number): number[] {
    return this.#shards.filter((shard) => shard % this.#world.setting.threads === index);
  }

  get alive(): boolean {
    return this.machine.state !== 'dead';
  }

  /** What it should serve, as its leases say. */
  assign(shards: readonly number[]): void {
    this.#shards = shards;
    for (const [index, thread] of this.threads.entries()) thread.assign(this.#shardsOf(index));
  }

  ask(batchId: string, command: Command, userId: string, done: (outcome: Outcome) => void): void {
    const thread = this.threads[shardOf(batchId) % this.threads.length];
    const timer = this.machine.clock.after(requestTimeoutMs, () => done(unknown));
    thread?.request(batchId, command, (outcome, number, seq) =>
      this.machine.deliver(() => {
        timer.cancel();
        this.acknowledged.note(number, seq, concerned(outcome, userId), batchId);
        done(outcome);
      }),
    );
  }

  /** One thread dies; its replacement takes the shards under a new number. */
  killThread(index: number): void {
    const thread = this.threads[index];
    thread?.kill();
    this.#world.later(respawnDelayMsMin, () => {
      if (!this.alive || this.threads[index] !== thread) return;
      this.threads[index] = this.#spawn(index);
      if (this.machine.state === 'paused') this.threads[index].machine.pause();
    });
  }

  kill(): void {
    this.machine.kill();
    for (const thread of this.threads) thread.kill();
  }

  pause(): void {
    for (const machine of this.#machines()) machine.pause();
  }

  resume(): void {
    for (const machine of this.#machines()) machine.resume();
  }

  #machines(): Machine[] {
    return [this.machine, ...this.threads.map((thread) => thread.machine)];
  }
}
