/** The process tree as Linux shows it under /proc. */
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Program name, at most 15 characters. */
  readonly name: string;
}

/** All processes that descend from `root`, without it. */
export async function descendants(root: number): Promise<ProcessEntry[]> {
  const all = await processes();
  const found: ProcessEntry[] = [];
  const family = new Set([root]);
  // Parents need not come before their children in /proc.
  for (let grown = true; grown;) {
    grown = false;
    for (const entry of all) {
      if (!family.has(entry.parent) || family.has(entry.pid)) continue;
      family.add(entry.pid);
      found.push(entry);
      grown = true;
    }
  }
  return found;
}

async function processes(): Promise<ProcessEntry[]> {
  const entries: ProcessEntry[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    // It may have ended since.
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    const nameEnd = stat.lastIndexOf(')');
    const [, parent] = stat.slice(nameEnd + 2).split(' ');
    entries.push({
      pid: Number(name),
      parent: Number(parent),
      name: stat.slice(stat.indexOf('(') + 1, nameEnd),
    });
  }
  return entries;
}

/** Ids of all threads of a process, its own among them. */
export async function threadsOf(pid: number): Promise<number[]> {
  return (await readdir(`/proc/${pid}/task`)).map(Number);
}

/** The kernel counts CPU time in ticks of this length, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds used so far by process, threads included; empty where there is no /proc. */
export async function cpuByPid(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const seconds = new Map<number, number>();
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // utime and stime, fields 14 and 15 of proc(5).
    seconds.set(pid, (Number(fields[11]) + Number(fields[12])) / ticksPerSecond);
  }
  return seconds;
}

/** CPU seconds between two looks; a process that came in between counts from its start, one that went not at all. */
export function cpuBetween(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): number {
  let seconds = 0;
  for (const [pid, value] of after) seconds += value - (before.get(pid) ?? 0);
  return seconds;
}
