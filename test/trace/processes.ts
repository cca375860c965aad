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
