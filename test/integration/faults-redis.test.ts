/**
 * The journal's Redis fails in every way it can: the server stays up, says so, acknowledges nothing it cannot keep,
 * lets nobody wait without end, and goes on by itself. Real processes; invariants 3 and 7.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import { clientWith, launch, startServer, type TestServer } from '../setup/server.ts';
import { compare, Load, openBatch, tokenOf, until, watchHealth } from './faults-support.ts';

const run = promisify(execFile);
const concurrency = 16;

describe('a Redis that', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let server: TestServer;
  beforeAll(async () => {
    redis = await startRedis();
    database = await freshDatabase();
    server = await startServer({ DATABASE_URL: database.url, REDIS_URL: redis.url, THREADS: '1' });
  });
  afterAll(async () => {
    await server?.end('SIGTERM');
    await redis?.remove();
    await database?.drop();
  });

  /** Whoever comes while the journal is silent is told at once, not left waiting behind it. */
  async function newcomersAreRefused(): Promise<void> {
    for (let i = 0; i < 20; i += 1) {
      const startedAt = performance.now();
      const client = clientWith(server.url, tokenOf(`late${i}`));
      const { status, body, headers } = await client.post('/v1/batches/1/claims');
      expect({ status, code: body['code'] }).toEqual({ status: 503, code: 'overloaded' });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
  }

  /** Load before, during and after the fault; gives what the load and the probes saw. */
  async function through(fault: () => Promise<void>, expectUnready = true) {
    const key = { value: '' };
    const batchId = await openBatch(server.url, 400_000, key);
    const health = watchHealth(server.url);
    const load = new Load(server.url, batchId, key.value).start(concurrency);
    await until('claims are acknowledged', () => load.told.size > 100);
    await fault();
    const before = load.told.size;
    await until('claims are acknowledged again', () => load.told.size > before + 300);
    await load.finish();
    await until('the server is ready again', () => health.said.at(-1) === 'ready');
    await health.stop();
    await compare(server.url, database.url, batchId, load);
    expect(health.dead).toEqual([]);
    if (expectUnready) expect(health.said).toContain('journal_unreachable');
    return { load, health };
  }

  it('is killed and comes back some seconds later', { timeout: 60_000 }, async () => {
    await through(async () => {
      await redis.kill();
      await sleep(2_500);
      await newcomersAreRefused();
      await sleep(1_000);
      await redis.start();
    });
  });

  it('hangs (SIGSTOP) beyond the time of an answer', { timeout: 60_000 }, async () => {
    await through(async () => {
      process.kill(redis.pid as number, 'SIGSTOP');
      await sleep(2_000);
      await newcomersAreRefused();
      await sleep(2_500);
      process.kill(redis.pid as number, 'SIGCONT');
    });
  });

  it('pauses its clients for 3 s', { timeout: 60_000 }, async () => {
    await through(async () => {
      const client = new Redis(redis.url);
      await client.client('PAUSE', 3_000, 'ALL');
      client.disconnect();
      await sleep(3_000);
    });
  });

  it('has its safety taken away while nobody claims', { timeout: 60_000 }, async () => {
    const health = watchHealth(server.url);
    await redis.config('appendfsync', 'everysec');
    await until('the server says so', () => health.said.includes('journal_unreachable'));
    await redis.config('appendfsync', 'always');
    await until('it is ready again', () => health.said.at(-1) === 'ready');
    await health.stop();
    expect(health.dead).toEqual([]);
  });

  it(
    'dies while nobody claims: readiness tells it before a client does',
    { timeout: 60_000 },
    async () => {
      const health = watchHealth(server.url);
      await redis.kill();
      await until('the server says so', () => health.said.includes('journal_unreachable'), 5_000);
      await redis.start();
      await until('it is ready again', () => health.said.at(-1) === 'ready', 5_000);
      await health.stop();
    },
  );

  it('takes 1.5 s for each fsync', { timeout: 90_000 }, async (context) => {
    const tracing = await slowFsync(redis.pid as number, 1_500_000);
    if (tracing === undefined) return context.skip('strace cannot attach here');
    await tracing.end();
    await through(async () => {
      const slow = await slowFsync(redis.pid as number, 1_500_000);
      await sleep(5_000);
      await slow?.end();
    });
  });
});

/** Delays every fdatasync of the process; undefined where tracing is not allowed. */
async function slowFsync(pid: number, delayUs: number) {
  const child = run('strace', [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=fdatasync,fsync',
    '-e',
    `inject=fdatasync,fsync:delay_enter=${delayUs}`,
    '-p',
    String(pid),
  ]);
  let ended = false;
  const gone = child.then(
    () => (ended = true),
    () => (ended = true),
  );
  await sleep(500);
  if (ended) return undefined;
  return {
    async end() {
      child.child.kill('SIGINT');
      await gone;
    },
  };
}

describe('a Redis with little room', () => {
  const endings: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of endings.splice(0).toReversed()) await end();
  });

  it(
    'is left room to settle by when the settle worker was away',
    { timeout: 120_000 },
    async () => {
      const redis = await startRedis({ maxmemory: '6mb' });
      endings.push(() => redis.remove());
      const database = await freshDatabase();
      endings.push(() => database.drop());
      const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, THREADS: '1' };
      const server = await startServer({
        ...env,
        WORKERS: 'none',
        JOURNAL_MEMORY_WATERMARK: '0.6',
      });
      endings.push(() => server.end('SIGTERM'));
      const key = { value: '' };
      const batchId = await openBatch(server.url, 400_000, key);
      const health = watchHealth(server.url);
      const load = new Load(server.url, batchId, key.value).start(concurrency);
      // Long lists fill the store faster than claims do.
      const sender = clientWith(server.url, tokenOf('sender'));
      const receivers = Array.from({ length: 10_000 }, (_, i) => `listed-with-a-long-name-${i}`);
      while (!health.said.includes('journal_memory')) {
        await sender.post(`/v1/batches/${batchId}/audience`, { channel: 'group', receivers });
      }
      const worker = launch('workers/main.ts', { ...env, LOG_LEVEL: 'warn' });
      endings.push(async () => {
        worker.child.kill('SIGTERM');
        await worker.exited;
      });
      const before = load.told.size;
      await until('claims are acknowledged again', () => load.told.size > before + 300, 30_000);
      await load.finish();
      await until('the server is ready again', () => health.said.at(-1) === 'ready', 30_000);
      await health.stop();
      await compare(server.url, database.url, batchId, load);
      expect(health.dead).toEqual([]);
      expect(load.count('overloaded')).toBeGreaterThan(0);
      const client = new Redis(redis.url);
      endings.push(async () => client.disconnect());
      await until(
        'the journal is empty',
        async () => {
          return (await client.keys('{hongbao}:journal:[0-9]*-[0-9]*')).length === 0;
        },
        40_000,
      );
    },
  );

  it(
    'whose disk is full dies, and goes on when there is room',
    { timeout: 90_000 },
    async (context) => {
      const disk = await mkdtemp(join(tmpdir(), 'hongbao-disk-'));
      endings.push(() => rm(disk, { recursive: true, force: true }));
      const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).then(
        () => true,
        () => false,
      );
      if (!mounted) return context.skip('only root may mount a small disk');
      endings.push(() => run('umount', ['-l', disk]));
      const redis = await startRedis({}, disk);
      endings.push(() => redis.remove());
      const database = await freshDatabase();
      endings.push(() => database.drop());
      const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, THREADS: '1' };
      const server = await startServer(env);
      endings.push(() => server.end('SIGTERM'));
      const key = { value: '' };
      const batchId = await openBatch(server.url, 400_000, key);
      const health = watchHealth(server.url);
      const load = new Load(server.url, batchId, key.value).start(concurrency);
      await until('claims are acknowledged', () => load.told.size > 100);
      const ballast = join(disk, 'ballast');
      await writeFile(ballast, Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
      await until('Redis has ended', () => redis.pid === undefined);
      await until('the server says so', () => health.said.includes('journal_unreachable'));
      const before = load.told.size;
      await sleep(1_000);
      expect(load.told.size).toBe(before);
      await rm(ballast);
      await redis.start();
      await until('claims are acknowledged again', () => load.told.size > before + 300);
      await load.finish();
      await until('the server is ready again', () => health.said.at(-1) === 'ready');
      await health.stop();
      await compare(server.url, database.url, batchId, load);
      expect(health.dead).toEqual([]);
    },
  );
});
