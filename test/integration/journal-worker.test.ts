import { type ChildProcess, spawn } from 'node:child_process';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, test } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { postgresJournal } from '../../engine/journal/postgres.ts';
import { redisJournal } from '../../engine/journal/redis.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { arrivals } from '../contract/journal-support.ts';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';

/** 9 s by the settings of the worker, and some for a slow machine. */
const comesBackWithinMs = 13_000;

const shared = { clock: systemClock, observer: silentObserver };
/** Adds what is to be done after this test; the last added comes first. */
type Later = (cleanup: () => Promise<void>) => void;

async function store(kind: string, later: Later) {
  if (kind === 'redis') {
    const redis = await startRedis();
    later(() => redis.remove());
    return { url: redis.url, open: () => redisJournal({ ...shared, url: redis.url }) };
  }
  const database = await freshDatabase({ migrated: false });
  later(() => database.drop());
  return { url: database.url, open: () => postgresJournal({ ...shared, url: database.url }) };
}

async function opened(kind: string, later: Later) {
  const { url, open } = await store(kind, later);
  const journal = await open();
  later(() => journal.close());
  return { url, journal };
}

/** Starts the process; `said` resolves when it has written a line. */
function worker(kind: string, url: string, work: string, later: Later) {
  const file = new URL('journal-worker-process.ts', import.meta.url).pathname;
  const child: ChildProcess = spawn(process.execPath, [file, kind, url, work], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  later(async () => {
    child.kill('SIGKILL');
  });
  let output = '';
  const said = (line: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (output.includes(line)) resolve();
      };
      child.stdout?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        look();
      });
      look();
    });
  return { child, said };
}

describe.concurrent.each(['redis', 'postgres'])('a worker on %s', (kind) => {
  test('that is killed gives its job back', async ({ expect, onTestFinished: later }) => {
    const { url, journal } = await opened(kind, later);
    await journal.add('1-1', 'x');
    const { child, said } = worker(kind, url, 'hang', later);
    await said('has 1-1');
    child.kill('SIGKILL');
    const began = performance.now();
    const got = arrivals();
    await journal.consume(got.handler, { concurrency: 1 });
    await got.arrived(1);
    expect(performance.now() - began).toBeLessThan(comesBackWithinMs);
  });

  test('that stands still for 5 s keeps its job', async ({ expect, onTestFinished: later }) => {
    const { url, journal } = await opened(kind, later);
    await journal.add('1-1', 'x');
    const { said } = worker(kind, url, 'spin', later);
    await said('has 1-1');
    // Looks for stalled jobs all the time.
    const got = arrivals();
    await journal.consume(got.handler, { concurrency: 1 });
    await said('done 1-1');
    expect(got.seen).toEqual([]);
  });
});

test('a foreign job is left as failed, and does not stop the others', async ({
  expect,
  onTestFinished: later,
}) => {
  const { url, journal } = await opened('redis', later);
  const client = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue('journal', { connection: client, prefix: '{hongbao}' });
  await queue.add('other', { not: 'ours' });
  await queue.add('flush', 'x', { jobId: 'no-id-of-ours' });
  await queue.add('flush', { not: 'a string' }, { jobId: '1-1' });
  await journal.add('1-2', 'x');
  const got = arrivals();
  const consumer = await journal.consume(got.handler, { concurrency: 1 });
  await got.arrived(1);
  await consumer.close();
  expect(got.seen).toEqual([{ id: '1-2', payload: 'x' }]);
  expect(await queue.getFailedCount()).toBe(3);
  expect(await journal.depth()).toBe(3);
  await queue.close();
  client.disconnect();
});
