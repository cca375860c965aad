import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How each package manager brings a Redis; the first one that is there is used. */
const installations: readonly { manager: string; steps: readonly (readonly string[])[] }[] = [
  {
    manager: 'apt-get',
    steps: [
      ['apt-get', 'update'],
      ['apt-get', 'install', '-y', '--no-install-recommends', 'redis-server'],
    ],
  },
  { manager: 'apk', steps: [['apk', 'add', 'redis']] },
  { manager: 'dnf', steps: [['dnf', 'install', '-y', 'redis']] },
  { manager: 'brew', steps: [['brew', 'install', 'redis']] },
];

/** Path of a `redis-server` program, installed first when the machine has none. */
export async function redisServerProgram(): Promise<string> {
  return (await onPath('redis-server')) ?? (await install());
}

async function install(): Promise<string> {
  const reasons: string[] = [];
  for (const { manager, steps } of installations) {
    if ((await onPath(manager)) === undefined) continue;
    try {
      for (const step of steps) await asRoot(manager, step);
      await stopService();
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
    const program = await onPath('redis-server');
    if (program !== undefined) return program;
  }
  throw new Error(
    'The tests need a real Redis: set REDIS_URL, or put redis-server on PATH. ' +
      `Installing it did not work: ${reasons.join('; ') || 'no known package manager'}`,
  );
}

async function asRoot(manager: string, step: readonly string[]): Promise<void> {
  const needsSudo = manager !== 'brew' && process.getuid?.() !== 0;
  const [program = '', ...args] = needsSudo ? ['sudo', '-n', ...step] : step;
  await run(program, args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 300_000,
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** Some packages start a system service; the tests run their own servers. */
async function stopService(): Promise<void> {
  if ((await onPath('systemctl')) === undefined) return;
  await asRoot('systemctl', ['systemctl', 'disable', '--now', 'redis-server']).catch(
    () => undefined,
  );
}

async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder, program);
    const there = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return candidate;
  }
  return undefined;
}
