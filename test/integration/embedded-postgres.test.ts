import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EmbeddedLog } from '../../engine/embedded/log.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../engine/embedded/postgres.ts';

const quiet = () => undefined;
const log: EmbeddedLog = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const fixture = join(import.meta.dirname, '..', 'fixtures', 'embedded-postgres.ts');

let dataDir = '';
let servers: EmbeddedPostgres[] = [];
let children: ChildProcess[] = [];

beforeEach(async () => {
  // A folder above that only we may change, as a home folder is; anybody may pass it.
  dataDir = join(await mkdtemp(join(tmpdir(), 'hongbao-embedded-')), 'data');
  await chmod(join(dataDir, '..'), 0o711);
});

afterEach(async () => {
  await Promise.all(children.map((child) => end(child, 'SIGKILL')));
  for (const server of servers) await server.stop();
  // After a killed child only a next start can end the server it left.
  if (children.length > 0) await (await startEmbeddedPostgres({ dataDir, log })).stop();
  servers = [];
  children = [];
  await rm(join(dataDir, '..'), { recursive: true, force: true });
});

async function start(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log });
  servers.push(server);
  return server;
}

/** Starts another process of ours on the folder; resolves with what it printed. */
async function startProcess(): Promise<{ child: ChildProcess; url?: string; error?: string }> {
  const child = spawn(process.execPath, [fixture, dataDir], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  if (child.stdout === null) throw new Error('no output');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, ...(JSON.parse(line) as { url?: string; error?: string }) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', quiet);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

async function serverPid(): Promise<number> {
  return Number(
    (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0],
  );
}

/** A zombie does not run: in many containers nobody reaps orphans. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !status.includes(') Z ');
}

test('starts a durable server with a database, stops it, and keeps data, port and password', async () => {
  const first = await start();
  expect(first.url).toMatch(/^postgres:\/\/postgres:[\w-]{32}@127\.0\.0\.1:\d+\/hongbao$/);
  for (const [name, value] of [
    ['fsync', 'on'],
    ['full_page_writes', 'on'],
    ['synchronous_commit', 'on'],
    ['listen_addresses', '127.0.0.1'],
    ['shared_buffers', '256MB'],
    ['max_connections', '200'],
    ['max_wal_size', '4GB'],
  ] as const) {
    expect(await query(first.url, `SHOW ${name}`)).toEqual([{ [name]: value }]);
  }
  expect((await stat(join(dataDir, 'postgres.password'))).mode & 0o777).toBe(0o600);
  await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS a');
  const pid = await serverPid();
  await first.stop();
  expect(await isRunning(pid)).toBe(false);

  const second = await start();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'SELECT a FROM kept')).toEqual([{ a: 1 }]);
});

test('nobody gets in without the password', async () => {
  const { url } = await start();
  const wrong = new URL(url);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('a killed server comes back on the same URL, again and again', async () => {
  const { url } = await start();
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS a');
  for (let round = 0; round < 3; round += 1) {
    const pid = await serverPid();
    process.kill(pid, 'SIGKILL');
    const rows = await eventually(async () => {
      expect(await serverPid()).not.toBe(pid);
      return query(url, 'SELECT a FROM kept');
    });
    expect(rows).toEqual([{ a: 1 }]);
  }
});

test('stop() while a killed server is coming back leaves nothing running', async () => {
  const server = await start();
  const pid = await serverPid();
  process.kill(pid, 'SIGKILL');
  await sleep(120);
  await server.stop();
  await expect(query(server.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  const again = await start();
  expect(await query(again.url, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
});

test('after kill -9 of our process the next one takes over with all data', async () => {
  const { child, url = '' } = await startProcess();
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS a');
  const orphan = await serverPid();
  await end(child, 'SIGKILL');
  expect(await isRunning(orphan)).toBe(true);

  const next = await start();
  expect(await isRunning(orphan)).toBe(false);
  expect(next.url).toBe(url);
  expect(await query(next.url, 'SELECT a FROM kept')).toEqual([{ a: 1 }]);
});

test('after kill -9 of our process and of the server the next one recovers', async () => {
  const { child, url = '' } = await startProcess();
  await query(url, 'CREATE TABLE kept AS SELECT 1 AS a');
  const orphan = await serverPid();
  await end(child, 'SIGKILL');
  process.kill(orphan, 'SIGKILL');
  const next = await start();
  expect(await query(next.url, 'SELECT a FROM kept')).toEqual([{ a: 1 }]);
});

test('a process that ends by itself without stop() takes its server with it', async () => {
  const { child } = await startProcess();
  const pid = await serverPid();
  await end(child, 'SIGTERM');
  await eventually(async () => expect(await isRunning(pid)).toBe(false));
});

test('a second process on the folder is refused with one line', async () => {
  const { url } = await start();
  const second = await startProcess();
  expect(second.url).toBeUndefined();
  expect(second.error).toContain(
    `DATA_DIR: ${dataDir} is in use by another process (pid ${process.pid})`,
  );
  expect(second.error).not.toContain('\n');
  await once(second.child, 'exit');
  children = [];
  await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow('is in use');
  expect(await query(url, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
});

test('of two processes that start at the same time exactly one runs', async () => {
  const both = await Promise.all([startProcess(), startProcess()]);
  expect(both.filter(({ url }) => url !== undefined)).toHaveLength(1);
  expect(both.filter(({ error }) => error?.includes('is in use'))).toHaveLength(1);
});

test('an interrupted initialisation is started over', async () => {
  const unfinished = join(dataDir, 'postgres.new-0123');
  await mkdir(unfinished, { recursive: true });
  await writeFile(join(unfinished, 'PG_VERSION'), '18\n');
  await mkdir(join(dataDir, 'postgres'));
  const { url } = await start();
  expect(await query(url, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  expect((await readdir(dataDir)).filter((name) => name.includes('.new-'))).toEqual([]);
});

test("somebody's files are not taken for an empty folder", async () => {
  await mkdir(join(dataDir, 'postgres'), { recursive: true });
  await writeFile(join(dataDir, 'postgres', 'letter.txt'), 'dear');
  await expect(start()).rejects.toThrow(/^DATA_DIR: .* is neither empty nor/);
  expect(await readFile(join(dataDir, 'postgres', 'letter.txt'), 'utf8')).toBe('dear');
});

test('a pid file that names some other running process does not stop the start', async () => {
  const first = await start();
  await first.stop();
  // As after a power cut, when the number went to another process of the same user.
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore', ...(await userOf('postgres')) });
  children.push(stranger);
  const folder = join(dataDir, 'postgres');
  await writeFile(
    join(folder, 'postmaster.pid'),
    `${stranger.pid}\n${folder}\n1\n1\n\n\n\nready\n`,
  );
  const second = await start();
  expect(await query(second.url, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  expect(await isRunning(stranger.pid ?? 0)).toBe(true);
  await second.stop();
});

test('a port that was taken meanwhile is replaced', async () => {
  const first = await start();
  await first.stop();
  const port = Number(new URL(first.url).port);
  const thief = createServer().listen(port, '127.0.0.1');
  await once(thief, 'listening');
  try {
    const second = await start();
    expect(Number(new URL(second.url).port)).not.toBe(port);
    expect(await query(second.url, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  } finally {
    thief.close();
  }
});

test.runIf(process.getuid?.() === 0 && process.platform === 'linux')(
  'runs for root in a folder that is closed to others',
  async () => {
    await chmod(join(dataDir, '..'), 0o700);
    const { url } = await start();
    await query(url, 'CREATE TABLE kept AS SELECT 1 AS a');
    process.kill(await serverPid(), 'SIGKILL');
    expect(await eventually(() => query(url, 'SELECT a FROM kept'))).toEqual([{ a: 1 }]);
    expect((await stat(join(dataDir, 'postgres'))).uid).not.toBe(0);
  },
);

/** For root: the user that owns the data; else nothing. */
async function userOf(name: string): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const { uid, gid } = await stat(join(dataDir, name));
  return { uid, gid };
}
