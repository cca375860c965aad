/** `npm start`: wires database, journal, shard threads, workers and the HTTP server together. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../engine/adapters/clock.ts';
import { createLogger, type Logger } from '../engine/adapters/log.ts';
import { metricsObserver } from '../engine/adapters/observer.ts';
import { freePortNear } from '../engine/bank/free-port.ts';
import { sandboxServers } from '../engine/bank/settings.ts';
import { keptAuthSecret } from '../engine/auth-secret.ts';
import { postgresBooks } from '../engine/books/postgres.ts';
import { loadConfig, type Config } from '../engine/config.ts';
import { startEmbeddedPostgres } from '../engine/embedded/postgres.ts';
import { bindJournal, openJournal } from '../engine/journal/open.ts';
import { drainTimeoutMs, stopTimeoutMs } from '../engine/limits.ts';
import { openWakeUps } from '../engine/payment-queue/open.ts';
import { waking } from '../engine/payment-queue/waking.ts';
import { cardKeysOf } from '../engine/payment/card-keys.ts';
import { postgresPayments } from '../engine/payment/postgres.ts';
import type { Payments } from '../engine/payment/port.ts';
import type { CardKey } from '../engine/payment/vault.ts';
import type { Observer } from '../engine/ports/observer.ts';
import type { Store } from '../engine/ports/store.ts';
import { postgresPushes } from '../engine/push/postgres.ts';
import { migrate } from '../engine/store/migrate.ts';
import { postgresSocial } from '../engine/social/postgres.ts';
import { postgresLeases } from '../engine/store/leases.ts';
import { postgresStore } from '../engine/store/postgres.ts';
import { startEngine } from '../engine/threads/engine.ts';
import { postgresTradeGroups } from '../engine/trade/postgres.ts';
import { tradePlatforms } from '../engine/trade-http/platforms.ts';
import { intakeMetrics } from '../engine/trade-intake/meter.ts';
import { postgresIntake } from '../engine/trade-intake/postgres.ts';
import type { SandboxData, WorkersData } from '../engine/threads/protocol.ts';
import { SupervisedThread } from '../engine/threads/supervised-thread.ts';
import { createApp, createMetricsApp } from './app.ts';
import type { AuthOptions } from './auth.ts';
import type { AppDeps } from './deps.ts';
import { createMetrics } from './metrics.ts';
import { startServer } from './server.ts';
import { Streams } from './stream/streams.ts';

const closers: { readonly what: string; close(): Promise<unknown> }[] = [];
let stopping = false;

/** Ends everything in the reverse order of its start. */
async function stop(logger: Logger | undefined, exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const closer of closers.toReversed()) {
    try {
      await closer.close();
    } catch (error) {
      logger?.error({ what: closer.what, error: String(error) }, 'could not be closed');
    }
  }
  logger?.info('stopped');
  process.exit(exitCode);
}

/** Starts in dependency order; whatever is started is noted for the way back. */
async function start(config: Config): Promise<Logger> {
  const { redis, logLevel, publicUrl } = config;
  const logger = createLogger(logLevel, 'gateway');
  const databaseUrl = config.databaseUrl ?? (await startDatabase(config, logger));
  await migrate(databaseUrl);

  const metrics = createMetrics();
  const observer = metricsObserver(metrics.registry, logger);
  const store: Store = await postgresStore({ url: databaseUrl, observer, poolMax: 4 });
  closers.push({ what: 'store', close: () => store.close() });
  const journal = await openJournal({ databaseUrl, redis, observer, clock: systemClock });
  try {
    await bindJournal(store, journal);
  } finally {
    await journal.close();
  }

  const leases = await postgresLeases({ url: databaseUrl, observer });
  closers.push({ what: 'leases', close: () => leases.close() });

  const shared = { databaseUrl, redis, logLevel };
  const trades = { publicUrl, tradePlatforms: config.tradePlatforms };
  const cardKeys = await cardKeysOf(config);
  const isInline = config.workers === 'inline';
  const outside =
    isInline && config.outside.sandbox ? await startSandbox(config, logger) : config.outside;
  const workers = isInline
    ? await startWorkers({ ...shared, ...trades, name: 'workers', cardKeys, outside }, logger)
    : undefined;
  const engine = await startEngine(
    {
      ...shared,
      threads: config.threads,
      node: config.node,
      journalWatermark: config.journalMemoryWatermark,
      unsettledBytesMax: config.unsettledMegabytesMax * 1024 * 1024,
    },
    {
      store,
      leases,
      clock: systemClock,
      logger,
      onHopeless(reason) {
        process.stderr.write(`${reason}\n`);
        void stop(logger, 1);
      },
    },
  );
  closers.push({ what: 'engine', close: () => engine.close() });
  const books = await postgresBooks({
    url: databaseUrl,
    observer,
    confirmWithinSeconds: config.confirmWithinSeconds,
  });
  closers.push({ what: 'books', close: () => books.close() });
  const social = await postgresSocial({ url: databaseUrl, observer, poolMax: 8 });
  closers.push({ what: 'social', close: () => social.close() });
  const pushes = await postgresPushes({
    url: databaseUrl,
    observer,
    poolMax: 4,
    clock: systemClock,
  });
  closers.push({ what: 'pushes', close: () => pushes.close() });
  const { registry } = metrics;
  const streams = new Streams({ pushes, clock: systemClock, log: logger, registry });

  const platforms = tradePlatforms(config.tradePlatforms, { publicUrl, now: Date.now });
  closers.push({ what: 'trade platforms', close: async () => platforms.close() });

  const tradeGroups = await postgresTradeGroups({
    url: databaseUrl,
    observer,
    poolMax: 4,
    platforms,
    cardKeys,
  });
  closers.push({ what: 'trade groups', close: () => tradeGroups.close() });
  const tradeIntake = await postgresIntake({
    url: databaseUrl,
    observer,
    poolMax: 4,
    platforms: config.tradePlatforms,
    publicUrl,
    meter: intakeMetrics(registry),
  });
  closers.push({ what: 'trade intake', close: () => tradeIntake.close() });

  const lifecycle = { draining: false };
  const deps: AppDeps = {
    engine,
    books,
    social,
    payments: await openPayments(config, databaseUrl, cardKeys, { logger, observer }),
    streams,
    tradeGroups,
    tradeIntake,
    platforms,
    clock: systemClock,
    randomBytes,
    pendingEvents: () => engine.pendingEvents(),
    metrics,
    lifecycle,
    log: logger,
    options: {
      publicUrl,
      auth: await authOf(config),
      devLogin: config.devLogin,
      shareThreshold: config.shareThreshold === 0 ? undefined : config.shareThreshold,
      rateLimits: config.rateLimits,
      metricsOnSeparatePort: config.metricsPort !== undefined,
    },
    threadMetrics: async () => [
      ...(await engine.metrics()),
      (await workers?.ask('metrics')) as object | undefined,
    ],
  };
  const { host, port, metricsPort } = config;
  if (metricsPort !== undefined) {
    const metricsServer = await startServer(createMetricsApp(deps), {
      host,
      port: metricsPort,
      lifecycle: { draining: false },
    });
    closers.push({ what: 'metrics server', close: () => metricsServer.drain() });
  }
  const graceMs = config.drainGraceMs;
  const onClosing = () => streams.end();
  const options = { host, port, lifecycle, graceMs, onClosing };
  const server = await startServer(createApp(deps), options);
  closers.push({ what: 'HTTP server', close: () => server.drain() });
  logger.info({ url: config.publicUrl, port: server.port }, 'serving');
  return logger;
}

/** Without card keys the rest of the product works, and the routes say what is missing. */
async function openPayments(
  { withdrawals, redis }: Config,
  url: string,
  cardKeys: readonly CardKey[] | undefined,
  { logger, observer }: { readonly logger: Logger; readonly observer: Observer },
): Promise<Payments | undefined> {
  if (cardKeys === undefined) {
    logger.warn('CARD_KEYS is not set: registration and withdrawals answer 503');
    return undefined;
  }
  const payments = await postgresPayments({ url, cardKeys, limits: withdrawals, poolMax: 8 });
  closers.push({ what: 'payments', close: () => payments.close() });
  const wakeUps = await openWakeUps({ databaseUrl: url, redis, observer, clock: systemClock });
  closers.push({ what: 'payout queue', close: () => wakeUps.close() });
  return waking(payments, wakeUps, observer);
}

async function startDatabase(config: Config, logger: Logger): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, log: logger });
  closers.push({ what: 'embedded PostgreSQL', close: () => server.stop() });
  return server.url;
}

async function startWorkers(workerData: WorkersData, logger: Logger): Promise<SupervisedThread> {
  const thread = new SupervisedThread({
    name: workerData.name,
    // Started by name, not imported: gateway and workers do not know each other.
    entry: new URL('../workers/main.ts', import.meta.url),
    workerData: () => workerData,
    logger,
    onMessage() {},
    onDeath() {},
  });
  closers.push({ what: 'workers', close: () => thread.close(drainTimeoutMs) });
  await thread.start();
  return thread;
}

/** A bank and an outbox for development; a thread started by name, like the workers. */
async function startSandbox(
  { outside, dataDir }: Config,
  logger: Logger,
): Promise<WorkersData['outside']> {
  const file = join(dataDir, 'sandbox.jsonl');
  let port = await freePortNear(outside.sandboxPort);
  let hasServed = false;
  const thread = new SupervisedThread({
    name: 'sandbox',
    entry: new URL('../workers/sandbox/main.ts', import.meta.url),
    workerData: (): SandboxData => ({ port, file }),
    logger,
    onMessage() {},
    onDeath() {
      // Somebody took the port between looking and listening. Later it keeps its own: the workers know it.
      if (!hasServed) void freePortNear(port + 1).then((other) => (port = other));
    },
  });
  closers.push({ what: 'sandbox', close: () => thread.close(drainTimeoutMs) });
  await thread.start();
  hasServed = true;
  logger.info({ url: `http://localhost:${port}/outbox` }, 'sandbox bank and outbox');
  return sandboxServers(port);
}

/** A secret for HS256, a key set, or both: each kind of signature has its own key. */
async function authOf({ auth, dataDir }: Config): Promise<AuthOptions> {
  const { audience, jwksUrl } = auth;
  const secret = auth.secret ?? (jwksUrl === undefined ? await keptAuthSecret(dataDir) : undefined);
  return { audience, secret, jwksUrl };
}

/** A start under way is let finish before everything ends, so that nothing it has started is left behind. */
async function stopAfterStart(signal: string, graceMs: number): Promise<void> {
  setTimeout(() => process.exit(1), graceMs + stopTimeoutMs).unref();
  const logger = await starting.catch(() => undefined);
  logger?.info({ signal }, 'draining');
  await stop(logger, 0);
}

/** One line for the operator; a database that does not answer is named by its variable. */
function startFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isConnection = ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', '28P01', '3D000'].includes(
    String(code),
  );
  return isConnection && !message.includes('_URL') ? `DATABASE_URL: ${message}` : message;
}

const config = loadOrExit();
const starting = start(config);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => void stopAfterStart(signal, config.drainGraceMs));
}
try {
  await starting;
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`);
  await stop(undefined, 1);
}

function loadOrExit(): Config {
  try {
    return loadConfig(process.env, { role: 'gateway' });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
