/** PostgreSQL as something to be broken: its first process, its sessions, and signals that hit nothing else. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { descendants } from '../../bench/support/processes.ts';
import { readPidFile } from '../../engine/embedded/postmaster.ts';

const pollMs = 20;
const restartMsMax = 30_000;

export class DatabaseTarget {
  readonly #dataFolder: string;
  readonly #url: () => Promise<string>;

  constructor(dataFolder: string, url: () => Promise<string>) {
    this.#dataFolder = dataFolder;
    this.#url = url;
  }

  /** Pid of the first process, as the server's own file has it. */
  async postmaster(): Promise<number | undefined> {
    return (await readPidFile(this.#dataFolder).catch(() => undefined))?.pid;
  }

  /** Resolves when another one has begun, or after a while without. */
  async postmasterOtherThan(pid: number): Promise<void> {
    const until = performance.now() + restartMsMax;
    while (performance.now() < until) {
      const now = await this.postmaster();
      if (now !== undefined && now !== pid) return;
      await sleep(pollMs);
    }
  }

  async killPostmaster(): Promise<boolean> {
    return killPostgres(await this.postmaster());
  }

  /** Any process but the first one. */
  async killSomeSession(): Promise<boolean> {
    const client = new Client({
      connectionString: await this.#url(),
      connectionTimeoutMillis: 1_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>(
        'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() ORDER BY random() LIMIT 1',
      );
      return await killPostgres(rows[0]?.pid);
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Pids of all processes but the first one. */
  async sessions(): Promise<number[]> {
    const postmaster = await this.postmaster();
    return postmaster === undefined ? [] : (await descendants(postmaster)).map(({ pid }) => pid);
  }
}

/** Only what is surely PostgreSQL: a pid may have been given to somebody else meanwhile. */
async function killPostgres(pid: number | undefined): Promise<boolean> {
  if (pid === undefined) return false;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes('postgres') && signalled(pid, 'SIGKILL');
}

/** False when it is gone already. */
export function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
