/** CPU of a target's processes. */
import { readFile } from 'node:fs/promises';
import { descendants } from '../support/processes.ts';
import type { Target } from './target.ts';

/** The kernel counts CPU time in ticks of this length, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Seconds used so far. */
export interface CpuSeconds {
  readonly answer: number;
  readonly rest: number;
  /** Of everything that runs on this machine. */
  readonly machine: number;
}

export async function cpuOf({ answerPids, restPids }: Target): Promise<CpuSeconds> {
  const [answer, rest] = [await ofTrees(answerPids), await ofTrees(restPids)];
  return { answer, rest, machine: await ofMachine() };
}

export function cpuSince(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return {
    answer: after.answer - before.answer,
    rest: after.rest - before.rest,
    machine: after.machine - before.machine,
  };
}

async function ofMachine(): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const [user, nice, system, , , irq, softIrq, steal] = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '')
    .split(' ')
    .map(Number);
  const busy = [user, nice, system, irq, softIrq, steal];
  return busy.reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) / ticksPerSecond;
}

/** Of processes and all that descend from them, those that have ended included. */
async function ofTrees(roots: readonly number[]): Promise<number> {
  let seconds = 0;
  for (const root of roots) {
    const family = [root, ...(await descendants(root)).map(({ pid }) => pid)];
    for (const pid of family) seconds += await ofProcess(pid);
  }
  return seconds;
}

async function ofProcess(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, and those of children that were waited for: fields 14 to 17 of proc(5).
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}
