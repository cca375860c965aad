/** Clients: each operation is asked again until it has an answer that is not "unknown" (invariant 7). */
import type { Command } from '../../engine/core/command.ts';
import { shardOf } from '../../engine/core/hash.ts';
import { unknown, type Outcome } from '../../engine/shard/request.ts';
import type { Dice } from './dice.ts';
import type { Process } from './process.ts';
import type { World } from './world.ts';
import type { Operation } from './workload.ts';

/** A client gives up waiting, not asking. */
const clientTimeoutMs = 6_000;
const retryMsMin = 20;
const retryMsMax = 700;

function commandOf(operation: Operation): Command {
  const { userId } = operation;
  switch (operation.kind) {
    case 'claim': {
      const { linkKey, open, tag } = operation;
      return { kind: 'claim', receiverId: userId, linkKey, open, tag };
    }
    case 'open':
      return { kind: 'open', receiverId: userId, packetId: operation.packetId };
    case 'audience': {
      const { receivers, anyone } = operation;
      return { kind: 'audience', senderId: userId, channel: 'qr', receivers, anyone };
    }
    case 'page':
      throw new Error('a page is no command');
  }
}

export class Clients {
  readonly #world: World;
  readonly #dice: Dice;
  /** The newest position told about each batch. */
  readonly #positions = new Map<string, string>();
  readonly pending = new Set<Operation>();
  attempts = 0;
  readonly answers = new Map<string, number>();

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  start(operation: Operation): void {
    this.pending.add(operation);
    this.#attempt(operation, operation.route);
  }

  /** Mostly the one that should know, but anyone may be asked, as nobody is sure who owns what. */
  #process(batchId: string, route: number): Process | undefined {
    const { processes, desired } = this.#world;
    const holder = desired.get(shardOf(batchId)) ?? 0;
    return processes[(route >> 8) % 100 < 60 ? holder : route % processes.length];
  }

  #attempt(operation: Operation, route: number): void {
    const { network, later, auditor } = this.#world;
    this.attempts += 1;
    const process = this.#process(operation.batchId, route);
    const askedAt = auditor.moment();
    let answered = false;
    const finish = (outcome: Outcome | 'page') => {
      if (answered) return;
      answered = true;
      timer.cancel();
      forget?.();
      this.#finish(operation, outcome, askedAt, process?.name ?? '');
    };
    const timer = later(clientTimeoutMs, () => finish(unknown));
    const forget = process?.machine.onDeath(() => later(1, () => finish(unknown)));
    const back = (outcome: Outcome | 'page') => later(network.wayMs(), () => finish(outcome));
    later(network.wayMs(), () => {
      process?.machine.deliver(() => {
        if (operation.kind === 'page') this.#page(operation, process, askedAt, back);
        else process.ask(operation.batchId, commandOf(operation), operation.userId, back);
      });
    });
  }

  #page(
    operation: Operation & { readonly kind: 'page' },
    process: Process,
    askedAt: number,
    back: (outcome: Outcome | 'page') => void,
  ): void {
    const { auditor, store, network } = this.#world;
    const { batchId, userId } = operation;
    const after = operation.withPosition ? this.#positions.get(batchId) : undefined;
    const before = auditor.toldBy(process.name, batchId, userId);
    const read = async () => {
      const caughtUp = await process.acknowledged.caughtUp({ batchId, userId, after });
      if (caughtUp !== 'settled') return unknown;
      return process.machine.receive(
        network.ask(async () => {
          const version = store.committed.batches.get(batchId)?.standing.summary.version ?? 0;
          const balance = store.balance(`user:${userId}`, 'CNY');
          const page = { batchId, userId, node: process.name, after, askedAt, version, balance };
          this.#world.guard(() => auditor.page(page, before));
          return 'page' as const;
        }),
      );
    };
    read().then(back, () => back(unknown));
  }

  #finish(operation: Operation, outcome: Outcome | 'page', askedAt: number, node: string): void {
    const { auditor, trace, later } = this.#world;
    const code = outcome === 'page' ? 'page' : outcome.code;
    this.answers.set(code, (this.answers.get(code) ?? 0) + 1);
    trace(() => {
      const packet =
        outcome !== 'page' && 'packet' in outcome
          ? ` ${outcome.packet.packetId} ${outcome.packet.amount ?? ''}`
          : '';
      return `${operation.id} ${operation.kind} ${operation.batchId} ${operation.userId} via ${node}: ${code}${packet}`;
    });
    if (code === 'unknown' || code === 'overloaded') {
      later(this.#dice.between(retryMsMin, retryMsMax), () =>
        this.#attempt(operation, this.#dice.below(2 ** 31)),
      );
      return;
    }
    this.pending.delete(operation);
    if (outcome === 'page') return;
    if ('packet' in outcome) this.#positions.set(operation.batchId, outcome.packet.position);
    this.#world.guard(() => auditor.told(operation, outcome, askedAt, node));
  }
}
