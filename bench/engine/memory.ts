/**
 * What resident actors take: heap and external memory after a full collection, in a process of its own, before and
 * after actors were made and all their packets claimed and opened. Receivers' ids are gone by then, as after a request.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '../../engine/adapters/random.ts';
import { emptyState } from '../../engine/core/state.ts';
import { Actor } from '../../engine/shard/actor.ts';
import { Residents } from '../../engine/shard/residents.ts';
import { benchBatch, linkKey } from './store.ts';

export interface MemoryCase {
  readonly actors: number;
  /** Packets of each, all of them claimed. */
  readonly claims: number;
  /** Length of a receiver's id. */
  readonly idLength: number;
}

export interface MemoryRow extends MemoryCase {
  readonly bytesPerActor: number;
  /** Without what the actor takes by itself. */
  readonly bytesPerClaim: number;
}

const million = 1_000_000;
const many = 10_000;

export const memoryCases: readonly MemoryCase[] = [
  { actors: 1, claims: million, idLength: 16 },
  { actors: 1, claims: million, idLength: 32 },
  { actors: many, claims: million / many, idLength: 16 },
  { actors: many, claims: million / many, idLength: 32 },
];

export async function memoryBench(): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const one of memoryCases) rows.push(await inOwnProcess(one));
  return rows;
}

async function inOwnProcess(one: MemoryCase): Promise<MemoryRow> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(one)], {
    execArgv: ['--expose-gc'],
  });
  const exited = once(child, 'exit');
  const told = once(child, 'message').then(([row]) => row as MemoryRow);
  const first = await Promise.race([told, exited.then(([code]) => new Error(`it ended: ${code}`))]);
  await exited;
  if (first instanceof Error) throw first;
  return first;
}

/** A string of its own, as a decoder makes it. */
function receiverOf(i: number, length: number): string {
  return Buffer.from(`${i}-${'receiver'.repeat(length / 8)}`.slice(0, length)).toString('latin1');
}

function used(): number {
  for (let i = 0; i < 3; i += 1) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function measure({ actors, claims, idLength }: MemoryCase): MemoryRow {
  const random = systemRandom();
  const now = Date.now();
  const claimAll = (actor: Actor, from: number) => {
    for (let i = 0; i < claims; i += 1) {
      const receiverId = receiverOf(from + i, idLength);
      actor.execute({ kind: 'claim', receiverId, linkKey, open: true, tag: undefined }, now, '');
      actor.drawAhead();
    }
  };
  const make = (id: string) => {
    const state = emptyState(benchBatch(id, claims), now);
    state.anyone = true;
    return new Actor(state, 0, random);
  };
  const residents = new Residents();
  const before = used();
  for (let i = 1; i <= actors; i += 1) residents.add(make(String(i)));
  const empty = used();
  for (let i = 1; i <= actors; i += 1) claimAll(residents.get(String(i)) as Actor, i * claims);
  const full = used();
  if (residents.size !== actors) throw new Error('an actor was evicted');
  return {
    actors,
    claims,
    idLength,
    bytesPerActor: (empty - before) / actors,
    bytesPerClaim: (full - empty) / (actors * claims),
  };
}

// The other process.
if (import.meta.main) process.send?.(measure(JSON.parse(process.argv[2] ?? '') as MemoryCase));
