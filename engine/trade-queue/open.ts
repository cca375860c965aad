/** Chooses the polls' backend as the journal's: BullMQ on Redis where one is configured, else on the database. */
import { type PostgresConnectionOptions, type PostgresQueueBackend, Queue, Worker } from 'bullmq';
import pg from 'pg';
import type { StartWorker } from '../journal/consumer.ts';
import { eventsKeptMax } from '../journal/job.ts';
import type { JournalSettings } from '../journal/open.ts';
import { bullmqPool, migrationClient, patientPool } from '../journal/postgres-pool.ts';
import { backendIn, prepare } from '../journal/postgres.ts';
import { connected, producerClient } from '../journal/redis-client.ts';
import { keyPrefix, startMsMax, workerStarter as redisWorker } from '../journal/redis.ts';
import { type Reporter, reporter } from '../journal/reporter.ts';
import { bullmqPolls, queueNameOf } from './bullmq.ts';
import type { PollQueue, PollQueues } from './port.ts';

const streams = { events: { maxLen: eventsKeptMax } };

/** @throws Error when the store cannot be reached now; later it may come and go */
export function openPollQueues(
  settings: JournalSettings,
  options: { readonly platforms: number },
): Promise<PollQueues> {
  return settings.redis === undefined
    ? onPostgres(settings, options.platforms)
    : onRedis({ ...settings, url: settings.redis.url });
}

async function onRedis(settings: JournalSettings & { url: string }): Promise<PollQueues> {
  const { url, clock, observer } = settings;
  const report = reporter(observer, clock);
  const client = producerClient(url);
  client.on('error', (error) => report.report('warn', 'poll queue connection', error));
  try {
    await connected(client, startMsMax);
  } catch (error) {
    client.disconnect();
    throw error;
  }
  const opened: PollQueue[] = [];
  return {
    async open(poll) {
      const name = queueNameOf(poll.platform);
      const queue = new Queue<string, void, string>(name, {
        connection: client,
        prefix: keyPrefix,
        streams,
      });
      queue.on('error', (error) => report.report('warn', 'poll queue', error));
      await queue.getVersion();
      const startWorker = redisWorker(url, name, report);
      const polls = bullmqPolls(poll, { queue, startWorker, reporter: report, clock });
      opened.push(polls);
      return polls;
    },
    async close() {
      await Promise.all(opened.map((queue) => queue.close()));
      client.disconnect();
    },
  };
}

/** The journal's tables; jobs of each queue carry its name. */
const schema = 'bullmq';
/** Besides the one that each platform's worker listens on. */
const workingConnections = 4;

async function onPostgres(settings: JournalSettings, platforms: number): Promise<PollQueues> {
  const { databaseUrl: url, clock, observer } = settings;
  const report = reporter(observer, clock);
  const onError = (error: unknown) => report.report('warn', 'poll queue connection', error);
  await prepare(migrationClient(url, schema), schema, onError);
  const pool = new pg.Pool({
    connectionString: url,
    // Nothing here is the truth: what a crash of the server takes away is made again, so nobody waits for its disk.
    options: `-c synchronous_commit=off -c search_path=${schema}`,
    application_name: 'hongbao-polls',
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 10_000,
    query_timeout: 12_000,
    max: platforms + workingConnections,
  });
  pool.on('error', onError);
  const opened: PollQueue[] = [];
  return {
    async open(poll) {
      const name = queueNameOf(poll.platform);
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
      const startWorker = sharingWorker(pool, name, settings, report);
      const polls = bullmqPolls(poll, { queue, startWorker, reporter: report, clock });
      opened.push(polls);
      return polls;
    },
    async close() {
      await Promise.all(opened.map((queue) => queue.close()));
      await pool.end();
    },
  };
}

/** Workers that share one pool, which outlives each of them. */
function sharingWorker(
  pool: pg.Pool,
  name: string,
  { clock }: JournalSettings,
  report: Reporter,
): StartWorker {
  return (process, options) => {
    const connection = patientPool(pool, clock);
    const worker = new Worker(name, process, { ...options, connection }, backendIn(schema));
    worker.on('error', (error) => report.report('warn', 'poll worker', error));
    return {
      async ready() {
        await worker.waitUntilReady();
      },
      close: () => worker.close(),
      disconnect: () => Promise.resolve(),
    };
  };
}
