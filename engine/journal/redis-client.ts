/**
 * The two kinds of Redis connections.
 *
 * The producer's fails fast: a command that was interrupted is rejected at once, never sent again
 * on another connection behind our back and never kept waiting for one. The sender repeats it under
 * the release rule, after the new connection's server has been checked.
 */
import { Redis, type RedisOptions } from 'ioredis';

/** Longest wait for one answer; a hanging server costs this much, then the connection. */
export const answerMsMax = 3_000;
const connectMsMax = 3_000;
const reconnectMsMax = 500;
/** Above BullMQ's longest blocking wait (10 s), below a TCP timeout. */
const workerSilenceMsMax = 15_000;

const reconnecting = {
  lazyConnect: true,
  connectTimeout: connectMsMax,
  keepAlive: 5_000,
  // For ever: without a number here ioredis would give up.
  retryStrategy: (times) => Math.min(50 * times, reconnectMsMax),
} satisfies RedisOptions;

/** Connection for adding, reading and ownership. Not connected yet. */
export function producerClient(url: string): Redis {
  return new Redis(url, {
    ...reconnecting,
    connectionName: 'hongbao-journal',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // 0, not null: with null and no resending, ioredis forgets interrupted commands and their
    // promises never settle.
    maxRetriesPerRequest: 0,
    commandTimeout: answerMsMax,
    socketTimeout: answerMsMax,
    // This server became a replica: go and look for the primary behind the same name.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
}

/** A worker's connection, and the way to end it. */
export interface WorkerClient {
  readonly client: Redis;
  /** From now on a lost connection stays lost, and what waits for one is rejected. */
  readonly stopReconnecting: () => void;
}

/**
 * Connection for a BullMQ worker, which makes a second one like it to block on. Here commands may
 * wait for the next connection: everything a worker does is safe to do twice or late.
 */
export function workerClient(url: string): WorkerClient {
  let stopping = false;
  const client = new Redis(url, {
    ...reconnecting,
    maxRetriesPerRequest: null,
    socketTimeout: workerSilenceMsMax,
    // A server that refuses writes refuses every fetch at once; without this pause BullMQ would
    // ask again in a tight loop.
    reconnectOnError: (error) => /^(READONLY|OOM|MISCONF|LOADING|MASTERDOWN)/.test(error.message),
    retryStrategy: () => (stopping ? null : reconnectMsMax),
  });
  return {
    client,
    stopReconnecting() {
      stopping = true;
    },
  };
}

/** The part of a connection that tells where it stands; also BullMQ's wrapper has it. */
interface Connection {
  readonly status: string;
  once(event: string, listener: () => void): unknown;
}

/**
 * Resolves when the connection is not between two attempts. ioredis ended in that state would
 * neither say so nor reject what waits, and BullMQ would wait for that for ever.
 */
export async function settledConnection(connection: Connection): Promise<void> {
  if (connection.status !== 'reconnecting') return;
  await new Promise<void>((resolve) => {
    connection.once('ready', resolve);
    connection.once('end', resolve);
  });
}

/** Connects, or rejects after `timeoutMs` with the last error; then the client is of no more use. */
export async function connected(client: Redis, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let last = 'no answer';
  const giveUp = () => {
    client.disconnect();
    reject(new Error(`REDIS_URL: no connection: ${last}`));
  };
  const keep = (error: Error) => {
    last = error.message;
    // A wrong password does not get right by itself.
    if (/WRONGPASS|NOAUTH|NOPERM|invalid password/i.test(last)) giveUp();
  };
  const timer = setTimeout(giveUp, timeoutMs);
  client.on('error', keep);
  client.once('ready', resolve);
  // Rejects at the first failed attempt; further ones follow by themselves.
  client.connect().catch(() => undefined);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    client.off('error', keep);
    client.off('ready', resolve);
  }
}
