/** The journal on BullMQ's Redis backend (DESIGN, "Two ways to run": production). */
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '../ports/clock.ts';
import type { Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import { type Backend, bullmqJournal } from './bullmq.ts';
import type { StartWorker } from './consumer.ts';
import { eventsKeptMax } from './job.ts';
import { ownershipReader } from './owners.ts';
import { connected, producerClient, settledConnection, workerClient } from './redis-client.ts';
import { redisGate } from './redis-gate.ts';
import { redisOwners } from './redis-owners.ts';
import { fieldsOf, type RedisRules } from './redis-settings.ts';
import { type Reporter, reporter } from './reporter.ts';
import { JournalUnsafe } from './unsafe.ts';

export interface RedisJournalOptions extends Partial<RedisRules> {
  /** `redis://` or `rediss://`, of one server (not a list of cluster nodes). */
  readonly url: string;
  /** Name of the queue; separates journals on one server. Default `journal`. */
  readonly queue?: string;
  readonly observer: Observer;
  readonly clock: Clock;
}

/** Hash tag: all keys of the product live in one slot. */
export const keyPrefix = '{hongbao}';
export const startMsMax = 5_000;

/**
 * Connects and checks the server.
 *
 * Every operation rejects within about 6 s when the server is away or hangs, at once while it is
 * known to be away, and works again by itself. The settings are checked again after each
 * reconnect; while they are wrong every operation rejects with JournalUnsafe.
 *
 * @throws JournalUnsafe when a job could be lost there, naming each setting and the line to set
 * @throws Error when there is no connection within 5 s
 */
export async function redisJournal(options: RedisJournalOptions): Promise<Journal> {
  const { url, observer, clock, queue: name = 'journal' } = options;
  const report = reporter(observer, clock);
  const onError = (error: unknown) => report.report('warn', 'journal connection', error);
  const client = producerClient(url);
  client.on('error', onError);
  const gate = redisGate(client, {
    clock,
    reporter: report,
    rules: {
      trustReplicas: options.trustReplicas ?? false,
      trustUnreadableSettings: options.trustUnreadableSettings ?? false,
    },
  });
  try {
    await connected(client, startMsMax);
    await gate.pass();
    const queue = new Queue<string, void, string>(name, {
      connection: client,
      prefix: keyPrefix,
      streams: { events: { maxLen: eventsKeptMax } },
    });
    queue.on('error', onError);
    // Also waits until the limit of the events stands in the queue's settings.
    await queue.getVersion();

    const owners = redisOwners(client, `${keyPrefix}:${name}`);
    const readOwnership = ownershipReader(owners.ask);
    const backend: Backend = {
      ready: () => gate.pass(),
      async read(ids) {
        await gate.pass();
        return readPayloads(
          client,
          ids.map((id) => queue.toKey(id)),
        );
      },
      async ownership() {
        await gate.pass();
        try {
          return await readOwnership();
        } catch (error) {
          if (error instanceof JournalUnsafe) gate.doubt();
          throw error;
        }
      },
      async take(shards, number) {
        await gate.pass();
        await owners.take(shards, number);
      },
      async bind(journalId) {
        await gate.pass();
        return owners.bind(journalId);
      },
      async pressure() {
        const info = fieldsOf(await client.info('memory'));
        const limit = Number(info.get('maxmemory') ?? '0');
        return { ratio: limit > 0 ? Number(info.get('used_memory') ?? '0') / limit : 0 };
      },
      // Whatever Redis answers, "no memory" included, may be different a moment later.
      refusal: () => undefined,
      startWorker: workerStarter(url, name, report),
      async close() {
        client.disconnect();
      },
    };
    return bullmqJournal({ queue, backend, reporter: report, clock });
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

/** Job data by key. The role comes last: a server that is no primary any more misses jobs. */
async function readPayloads(
  client: Redis,
  keys: readonly string[],
): Promise<readonly (string | undefined)[]> {
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.hget(key, 'data');
  pipeline.info('replication');
  const replies = (await pipeline.exec()) ?? [];
  const values = replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
  if (values.length !== keys.length + 1) throw new Error('REDIS_URL: incomplete answer');
  const role = fieldsOf(String(values.pop())).get('role');
  if (role !== 'master') throw new Error(`REDIS_URL: the server's role became ${role}`);
  return values.map((value) => (typeof value === 'string' ? payloadOf(value) : undefined));
}

/** The text of a job; of a damaged one what stands there, so that settling sees the damage and not a gap. */
function payloadOf(json: string): string {
  try {
    const data: unknown = JSON.parse(json);
    return typeof data === 'string' ? data : json;
  } catch {
    return json;
  }
}

export function workerStarter(url: string, name: string, report: Reporter): StartWorker {
  const onError = (error: unknown) => report.report('warn', 'journal worker', error);
  return (process, settings) => {
    const { client, stopReconnecting } = workerClient(url);
    client.on('error', onError);
    const worker = new Worker<unknown, void, string>(name, process, {
      ...settings,
      connection: client,
      prefix: keyPrefix,
    });
    worker.on('error', onError);
    return {
      async ready() {
        await worker.waitUntilReady();
      },
      async close() {
        stopReconnecting();
        const blocking = await worker.getBackend().blockingClient;
        if (blocking !== undefined) await settledConnection(blocking);
        await worker.close();
      },
      async disconnect() {
        client.disconnect();
      },
    };
  };
}
