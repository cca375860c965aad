import { execFile, type SpawnOptions } from 'node:child_process';
import { chown, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { hasCode } from './files.ts';
import type { EmbeddedLog } from './log.ts';

/** How the server's programs are started, and who owns their files. */
export type Runner = {
  /** Program, arguments and options for child_process.spawn. */
  command(program: string, args: readonly string[]): [string, string[], SpawnOptions];
  /** Gives a file or folder to the user the server runs as. */
  give(path: string): Promise<void>;
};

type SystemUser = { readonly name: string; readonly uid: number; readonly gid: number };

/**
 * PostgreSQL refuses to run as root. A process of root runs it as the owner of the data folder, or
 * for a new one as the system user `postgres`, else `nobody`: no account is made on the machine.
 *
 * @param folders that the server must be able to enter
 */
export async function chooseRunner(
  dataFolder: string,
  folders: readonly string[],
  log: EmbeddedLog,
): Promise<Runner> {
  const env = serverEnvironment(process.env);
  if (process.getuid?.() !== 0) {
    return {
      command: (program, args) => [program, [...args], { env }],
      give: async () => {},
    };
  }
  const user = (await ownerOf(dataFolder)) ?? (await systemUser());
  const give = (path: string) => chown(path, user.uid, user.gid);
  const closed = await firstClosed(folders, user);
  if (closed === undefined) {
    const options = { env, uid: user.uid, gid: user.gid };
    return { command: (program, args) => [program, [...args], options], give };
  }
  const prefix = await enterAnyway(user, closed);
  log.debug({ folder: closed, user: user.name }, 'PostgreSQL gets the right to enter this folder');
  return {
    command: (program, args) => ['setpriv', [...prefix, program, ...args], { env }],
    give,
  };
}

/** Without PG* settings of the caller's shell, and with messages in English. */
function serverEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('PG'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

async function ownerOf(folder: string): Promise<SystemUser | undefined> {
  try {
    const { uid, gid } = await stat(folder);
    return uid === 0 ? undefined : { name: `uid ${uid}`, uid, gid };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function systemUser(): Promise<SystemUser> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] =
      lines.find((line) => line.startsWith(`${wanted}:`))?.split(':') ?? [];
    if (name !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'DATABASE_URL: PostgreSQL does not run as root and there is no user postgres or nobody; ' +
      'start as another user, or set DATABASE_URL',
  );
}

/** The first folder on the way to one of these that the user may not enter, for example /root. */
async function firstClosed(
  folders: readonly string[],
  user: SystemUser,
): Promise<string | undefined> {
  for (const folder of folders) {
    for (let step = folder; ; step = dirname(step)) {
      const { mode, uid, gid } = await stat(step);
      const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if ((mode & bit) === 0) return step;
      if (step === dirname(step)) break;
    }
  }
  return undefined;
}

/**
 * A clone under /root is closed to every other user. Instead of loosening permissions there, the
 * server keeps one capability of root, the one to pass such folders, where Linux can do that.
 */
async function enterAnyway(user: SystemUser, closed: string): Promise<string[]> {
  const capability = await passingCapability();
  const prefix = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    `--inh-caps=+${capability}`,
    `--ambient-caps=+${capability}`,
    // access() asks for the real user's rights, which would be none without this.
    '--securebits=+no_setuid_fixup',
  ];
  try {
    await promisify(execFile)('setpriv', [...prefix, 'true']);
  } catch {
    throw new Error(
      `DATA_DIR: ${closed} cannot be entered by the user ${user.name} that PostgreSQL runs as ` +
        '(it refuses to run as root); start as another user, move the folder, or set DATABASE_URL',
    );
  }
  return prefix;
}

/** Reading past permissions is enough; containers often have only the stronger one. */
async function passingCapability(): Promise<string> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = Number.parseInt(/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0', 16);
  const readSearchBit = 4;
  return Math.floor((effective % (readSearchBit * 2)) / readSearchBit) === 1
    ? 'dac_read_search'
    : 'dac_override';
}
