/** Chooses the wake-ups' backend as the journal's: BullMQ on Redis where one is configured, else on the database. */
import { type PostgresConnectionOptions, type PostgresQueueBackend, Queue } from 'bullmq';
import { eventsKeptMax } from '../journal/job.ts';
import type { JournalSettings } from '../journal/open.ts';
import { bullmqPool, migrationClient, producerPool, workerPool } from '../journal/postgres-pool.ts';
import { backendIn, prepare, workerStarter as postgresWorker } from '../journal/postgres.ts';
import { connected, producerClient } from '../journal/redis-client.ts';
import { keyPrefix, startMsMax, workerStarter as redisWorker } from '../journal/redis.ts';
import { reporter } from '../journal/reporter.ts';
import { bullmqWakeUps, queueName } from './bullmq.ts';
import type { WakeUps } from './port.ts';

/** Few words, and nobody waits for them. */
const producerConnections = 2;
const workerConnections = 3;
const streams = { events: { maxLen: eventsKeptMax } };

/** @throws Error when the store cannot be reached now; later it may come and go */
export function openWakeUps(settings: JournalSettings): Promise<WakeUps> {
  return settings.redis === undefined
    ? onPostgres(settings)
    : onRedis({ ...settings, url: settings.redis.url });
}

async function onRedis(settings: JournalSettings & { url: string }): Promise<WakeUps> {
  const { url, clock, observer } = settings;
  const report = reporter(observer, clock);
  const onError = (error: unknown) => report.report('warn', 'payout queue connection', error);
  const client = producerClient(url);
  client.on('error', onError);
  try {
    await connected(client, startMsMax);
    const queue = new Queue<string, void, string>(queueName, {
      connection: client,
      prefix: keyPrefix,
      streams,
    });
    queue.on('error', onError);
    await queue.getVersion();
    const startWorker = redisWorker(url, queueName, report);
    const disconnect = async () => client.disconnect();
    return bullmqWakeUps({ queue, startWorker, reporter: report, clock, disconnect });
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

/** The journal's tables; jobs of each queue carry its name. */
const schema = 'bullmq';

async function onPostgres(settings: JournalSettings): Promise<WakeUps> {
  const { databaseUrl: url, clock, observer } = settings;
  const report = reporter(observer, clock);
  const onError = (error: unknown) => report.report('warn', 'payout queue connection', error);
  await prepare(migrationClient(url, schema), schema, onError);
  const pool = producerPool(url, schema, producerConnections);
  pool.on('error', onError);
  try {
    const queue = new Queue<
      string,
      void,
      string,
      string,
      void,
      string,
      PostgresQueueBackend,
      PostgresConnectionOptions
    >(queueName, { connection: bullmqPool(pool), streams }, backendIn(schema));
    queue.on('error', onError);
    await queue.waitUntilReady();
    await queue.getVersion();
    const startWorker = postgresWorker(
      () => workerPool(url, schema, workerConnections),
      { name: queueName, schema },
      clock,
      report,
    );
    const disconnect = () => pool.end();
    return bullmqWakeUps({ queue, startWorker, reporter: report, clock, disconnect });
  } catch (error) {
    await pool.end();
    throw error;
  }
}
