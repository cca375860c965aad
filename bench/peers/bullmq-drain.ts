/** The worker of the BullMQ peer. Jobs under way at the same time share a transaction; each completes after its commit. */
import { Worker } from 'bullmq';
import { Pool } from 'pg';
import { type ClaimRecord, settleClaims } from './ledger.ts';

const concurrency = 500;
const lingerMs = 5;

interface Waiting {
  readonly record: ClaimRecord;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 2 });
process.on('disconnect', () => process.exit());
let waiting: Waiting[] = [];

function settle(record: ClaimRecord): Promise<void> {
  return new Promise((done, failed) => {
    if (waiting.length === 0) setTimeout(flush, lingerMs);
    waiting.push({ record, done, failed });
  });
}

function flush(): void {
  const jobs = waiting;
  waiting = [];
  settleClaims(
    pool,
    jobs.map(({ record }) => record),
  ).then(
    () => {
      for (const { done } of jobs) done();
    },
    (error: unknown) => {
      for (const { failed } of jobs) failed(error);
    },
  );
}

const worker = new Worker<ClaimRecord>('claims', ({ data }) => settle(data), {
  connection: { url: process.env['REDIS_URL'] ?? '' },
  concurrency,
});
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
