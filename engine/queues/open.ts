/**
 * Queues of work beside the journal: BullMQ on Redis where one is configured, else on the database. Nothing in them is the
 * truth: what a crash takes away is found in Postgres and made again, so nobody waits for a disk.
 */
import { type PostgresConnectionOptions, type PostgresQueueBackend, Queue, Worker } from 'bullmq';
import type { StartWorker } from '../journal/consumer.ts';
import { eventsKeptMax } from '../journal/job.ts';
import type { JournalSettings } from '../journal/open.ts';
import {
  bullmqPool,
  forgetfulPool,
  migrationClient,
  patientPool,
} from '../journal/postgres-pool.ts';
import { backendIn, prepare } from '../journal/postgres.ts';
import { connected, producerClient } from '../journal/redis-client.ts';
import { keyPrefix, startMsMax, workerStarter as redisWorker } from '../journal/redis.ts';
import { type Reporter, reporter } from '../journal/reporter.ts';

/** The part of BullMQ's Queue used here; its full type differs between backends. */
export interface WorkQueue {
  add(name: string, data: string, options: object): Promise<unknown>;
  getJobCounts(): Promise<Readonly<Record<string, number>>>;
  upsertJobScheduler(
    id: string,
    repeat: { readonly every: number; readonly offset: number },
    template: { readonly name: string; readonly data: string; readonly opts: object },
  ): Promise<unknown>;
  removeJobScheduler(id: string): Promise<unknown>;
  rateLimit(expireMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface OpenedQueue {
  readonly queue: WorkQueue;
  readonly startWorker: StartWorker;
}

export interface Queues {
  open(name: string): Promise<OpenedQueue>;
  /** The connections; queues and their consumers are closed before. */
  close(): Promise<void>;
}

const streams = { events: { maxLen: eventsKeptMax } };
/** The journal's tables; jobs of each queue carry its name. */
const schema = 'bullmq';
/** Besides the one that each worker listens on. */
const workingConnections = 4;

/**
 * @param options what: for the log; queuesMax: how many will be consumed
 * @throws Error when the store cannot be reached now; later it may come and go
 */
export function openQueues(
  settings: JournalSettings,
  options: { readonly what: string; readonly queuesMax: number },
): Promise<Queues> {
  const report = reporter(settings.observer, settings.clock);
  const onError = (error: unknown) => report.report('warn', options.what, error);
  return settings.redis === undefined
    ? onPostgres(settings, options.queuesMax, onError)
    : onRedis(settings.redis.url, report, onError);
}

type OnError = (error: unknown) => void;

async function onRedis(url: string, report: Reporter, onError: OnError): Promise<Queues> {
  const client = producerClient(url);
  client.on('error', onError);
  try {
    await connected(client, startMsMax);
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return {
    async open(name) {
      const queue = new Queue<string, void, string>(name, {
        connection: client,
        prefix: keyPrefix,
        streams,
      });
      queue.on('error', onError);
      await queue.getVersion();
      return { queue, startWorker: redisWorker(url, name, report) };
    },
    async close() {
      client.disconnect();
    },
  };
}

async function onPostgres(
  { databaseUrl: url, clock }: JournalSettings,
  queuesMax: number,
  onError: OnError,
): Promise<Queues> {
  await prepare(migrationClient(url, schema), schema, onError);
  const pool = forgetfulPool(url, schema, queuesMax + workingConnections);
  pool.on('error', onError);
  // Workers share the pool, which outlives each of them.
  const worker = (name: string): StartWorker => {
    return (process, options) => {
      const connection = patientPool(pool, clock);
      const started = new Worker(name, process, { ...options, connection }, backendIn(schema));
      started.on('error', onError);
      return {
        async ready() {
          await started.waitUntilReady();
        },
        close: () => started.close(),
        disconnect: () => Promise.resolve(),
      };
    };
  };
  return {
    async open(name) {
      const queue = new Queue<
        string,
        void,
        string,
        string,
        void,
        string,
        PostgresQueueBackend,
        PostgresConnectionOptions
      >(name, { connection: bullmqPool(pool), streams }, backendIn(schema));
      queue.on('error', onError);
      await queue.waitUntilReady();
      await queue.getVersion();
      return { queue, startWorker: worker(name) };
    },
    close: () => pool.end(),
  };
}
