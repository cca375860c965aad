/** What a process takes, as the system and its own metrics see it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuBetween, cpuByPid, descendants } from '../support/processes.ts';

export interface Memory {
  readonly rssBytes: number;
  /** Of the gateway's own thread. */
  readonly heapBytes: number;
}

const looks = 8;
const lookEveryMs = 1_000;

/** The least of several looks: garbage that waits for its collection is not what is held. */
export async function memoryOf(pid: number, url: string): Promise<Memory> {
  let rssBytes = Infinity;
  let heapBytes = Infinity;
  for (let look = 0; look < looks; look += 1) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
    const metrics = await fetch(`${url}/metrics`).then((response) => response.text());
    const heap = Number(/^hongbao_nodejs_heap_size_used_bytes (\S+)$/m.exec(metrics)?.[1]);
    rssBytes = Math.min(rssBytes, rss);
    heapBytes = Math.min(heapBytes, heap);
    await sleep(lookEveryMs);
  }
  return { rssBytes, heapBytes };
}

/** CPU seconds. */
export interface Cpu {
  /** Of the process alone. */
  readonly server: number;
  /** Of everything that descends from the database's first process. */
  readonly database: number;
}

/** What is used from now on until the returned function is called. */
export async function cpuFromNow(pid: number, databaseRoot: number): Promise<() => Promise<Cpu>> {
  const look = async () => {
    const family = [databaseRoot, ...(await descendants(databaseRoot)).map((entry) => entry.pid)];
    return { server: await cpuByPid([pid]), database: await cpuByPid(family) };
  };
  const before = await look();
  return async () => {
    const after = await look();
    return {
      server: cpuBetween(before.server, after.server),
      database: cpuBetween(before.database, after.database),
    };
  };
}

/** Shares of one core over some time. */
export async function cpuShares(pid: number, databaseRoot: number, seconds: number): Promise<Cpu> {
  const used = await cpuFromNow(pid, databaseRoot);
  await sleep(seconds * 1_000);
  const { server, database } = await used();
  return { server: server / seconds, database: database / seconds };
}
