/**
 * What a listed receiver takes in an actor: heap and external memory after a full collection, in a process of its own;
 * the packed table, and the Set of strings that it replaced.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ReceiverTable } from '../../engine/core/receiver-table.ts';

export interface ReceiverMemory {
  readonly receivers: number;
  readonly idLength: number;
  readonly tableBytes: number;
  readonly setBytes: number;
}

const copies = 10;
const idLengths = [16, 32];

/** @param counts receivers of a batch */
export async function receiverMemory(counts: readonly number[]): Promise<ReceiverMemory[]> {
  const rows: ReceiverMemory[] = [];
  const cases = counts.flatMap((receivers) =>
    idLengths.map((idLength) => ({ receivers, idLength })),
  );
  for (const one of cases) {
    const args = [JSON.stringify(one)];
    const child = fork(fileURLToPath(import.meta.url), args, { execArgv: ['--expose-gc'] });
    const [row] = (await once(child, 'message')) as [ReceiverMemory];
    await once(child, 'exit');
    rows.push(row);
  }
  return rows;
}

/** Strings of their own, as they come out of a decoder. */
function list(receivers: number, idLength: number, copy: number): string[] {
  return Array.from({ length: receivers }, (_, i) =>
    Buffer.from(`${copy}-${i}-`.padEnd(idLength, 'receiver')).toString('latin1'),
  );
}

function used(): number {
  for (let i = 0; i < 3; i += 1) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function bytesEach(receivers: number, make: (copy: number) => unknown): number {
  const before = used();
  const kept = Array.from({ length: copies }, (_, copy) => make(copy));
  const bytes = (used() - before) / (copies * receivers);
  if (kept.length !== copies) throw new Error('they must be kept until here');
  return bytes;
}

function measure(receivers: number, idLength: number): ReceiverMemory {
  const tableBytes = bytesEach(receivers, (copy) => {
    const table = new ReceiverTable(copy);
    table.add({ joined: list(receivers, idLength, copy).join(' ') });
    return table;
  });
  const setBytes = bytesEach(receivers, (copy) => new Set(list(receivers, idLength, copy)));
  return { receivers, idLength, tableBytes, setBytes };
}

// The other process.
if (import.meta.main) {
  const { receivers, idLength } = JSON.parse(process.argv[2] ?? '') as ReceiverMemory;
  process.send?.(measure(receivers, idLength));
}
