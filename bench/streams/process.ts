/** What a process takes, as the system and its own metrics see it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuByPid, descendants } from '../support/processes.ts';

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

/** Shares of one core over some time: the process alone, and all that descends from another. */
export async function cpuShares(
  pid: number,
  databaseRoot: number,
  seconds: number,
): Promise<{ readonly server: number; readonly database: number }> {
  const look = async () => {
    const family = [databaseRoot, ...(await descendants(databaseRoot)).map((entry) => entry.pid)];
    const all = await cpuByPid([pid, ...family]);
    const server = all.get(pid) ?? 0;
    return { server, database: [...all.values()].reduce((sum, value) => sum + value, 0) - server };
  };
  const before = await look();
  await sleep(seconds * 1_000);
  const after = await look();
  return {
    server: (after.server - before.server) / seconds,
    database: (after.database - before.database) / seconds,
  };
}
