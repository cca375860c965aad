/** Programs that tests need beside the project: found on the PATH, else installed by the system's package manager. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

type Manager = 'apt-get' | 'apk' | 'dnf' | 'brew';
/** The package that brings the program; `apt-get` is the one that CI has. */
export type Packages = Readonly<Partial<Record<Manager, string>>> & { readonly 'apt-get': string };

const commands: Readonly<Record<Manager, (name: string) => readonly (readonly string[])[]>> = {
  'apt-get': (name) => [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', name],
  ],
  apk: (name) => [['apk', 'add', name]],
  dnf: (name) => [['dnf', 'install', '-y', name]],
  brew: (name) => [['brew', 'install', name]],
};
const installMsMax = 300_000;
/** Test files run beside each other, and a package manager lets one in at a time. */
const attemptsMax = 5;
const attemptPauseMs = 5_000;

/** Path of the program. @throws Error that says what to install, when it is not there and cannot be brought */
export async function programOf(name: string, packages: Packages): Promise<string> {
  const reasons: string[] = [];
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const program = (await onPath(name)) ?? (await install(name, packages, reasons));
    if (program !== undefined) return program;
    if (reasons.length === 0) break;
    await sleep(attemptPauseMs);
  }
  throw new Error(
    `The tests need ${name} (Debian: ${packages['apt-get']}) on the PATH. ` +
      `Installing it did not work: ${reasons.at(-1) ?? 'no known package manager'}`,
  );
}

async function install(
  name: string,
  packages: Packages,
  reasons: string[],
): Promise<string | undefined> {
  for (const [manager, steps] of Object.entries(commands) as [
    Manager,
    (typeof commands)['apk'],
  ][]) {
    const packageName = packages[manager];
    if (packageName === undefined || (await onPath(manager)) === undefined) continue;
    try {
      for (const step of steps(packageName)) await asRoot(manager, step);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
    const program = await onPath(name);
    if (program !== undefined) return program;
  }
  return undefined;
}

export async function asRoot(manager: string, step: readonly string[]): Promise<void> {
  const needsSudo = manager !== 'brew' && process.getuid?.() !== 0;
  const [program = '', ...args] = needsSudo ? ['sudo', '-n', ...step] : step;
  await run(program, args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: installMsMax,
    maxBuffer: 64 * 1024 * 1024,
  });
}

export async function onPath(program: string): Promise<string | undefined> {
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
