/** The workers: a thread of `npm start` (WORKERS=inline), or a process of their own (`npm run worker`). */
import { createServer } from 'node:http';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Registry } from 'prom-client';
import { systemClock } from '../engine/adapters/clock.ts';
import { createLogger } from '../engine/adapters/log.ts';
import { registerLoopLag } from '../engine/adapters/loop-lag.ts';
import { metricsObserver } from '../engine/adapters/observer.ts';
import { paymentMetrics } from '../engine/adapters/payment-metrics.ts';
import { httpBank } from '../engine/bank/http-bank.ts';
import { httpCodeSender } from '../engine/bank/http-code-sender.ts';
import { type OutsideMeter, outsideMeter } from '../engine/bank/meter.ts';
import { postgresBooks } from '../engine/books/postgres.ts';
import { loadConfig } from '../engine/config.ts';
import { assert } from '../engine/core/assert.ts';
import { bindJournal, openJournal } from '../engine/journal/open.ts';
import { drainTimeoutMs, tradePurgeMs } from '../engine/limits.ts';
import { cardKeysOf } from '../engine/payment/card-keys.ts';
import { postgresPayments } from '../engine/payment/postgres.ts';
import { openWakeUps } from '../engine/payment-queue/open.ts';
import type { Observer } from '../engine/ports/observer.ts';
import { listenForHurry } from '../engine/store/hurry.ts';
import { migrate } from '../engine/store/migrate.ts';
import { openPool } from '../engine/store/pool.ts';
import { postgresStore } from '../engine/store/postgres.ts';
import type { FromThread, ToThread, WorkersData } from '../engine/threads/protocol.ts';
import { tradePlatforms } from '../engine/trade-http/platforms.ts';
import { intakeMetrics } from '../engine/trade-intake/meter.ts';
import { postgresTradeWork } from '../engine/trade-intake/postgres.ts';
import { openPollQueues } from '../engine/trade-queue/open.ts';
import { startHousekeeping } from './housekeeping.ts';
import { payoutMetrics } from './payout-metrics.ts';
import { startPayoutWorker } from './payout.ts';
import { startReconciling, type ReconcilingDeps } from './reconcile-schedule.ts';
import { repeat } from './repeat.ts';
import { startSettleWorker } from './settle.ts';
import { startMappingWorker } from './trade-mappings.ts';
import { pollMetrics } from './trade-poll-metrics.ts';
import { startPollWorker } from './trade-poll.ts';

interface Closable {
  close(): Promise<void>;
}

interface Workers extends Closable {
  readonly registry: Registry;
}

async function startWorkers(data: WorkersData): Promise<Workers> {
  const logger = createLogger(data.logLevel, data.name);
  const registry = new Registry();
  registerLoopLag(registry, data.name);
  const observer = metricsObserver(registry, logger);
  const store = await postgresStore({ url: data.databaseUrl, observer, poolMax: 8 });
  const journal = await openJournal({ ...data, observer, clock: systemClock });
  await bindJournal(store, journal);
  const books = await postgresBooks({ url: data.databaseUrl, poolMax: 2 });
  const listen = (hear: () => void) => listenForHurry(data.databaseUrl, systemClock, hear);
  const consumer = await startSettleWorker({
    store,
    journal,
    clock: systemClock,
    observer,
    listen,
  });
  const stopHousekeeping = startHousekeeping({ books, journal, observer, registry });
  const outside = { registry, observer, calls: outsideMeter(registry) };
  const payouts = await startPayouts(data, outside);
  const trades = await startTrades(data, outside);
  return {
    registry,
    async close() {
      await Promise.all([consumer.close(), payouts?.close(), trades?.close()]);
      await stopHousekeeping();
      await Promise.allSettled([journal.close(), books.close(), store.close()]);
    },
  };
}

/** What those need who call servers outside. */
interface Outside {
  readonly registry: Registry;
  readonly observer: Observer;
  readonly calls: OutsideMeter;
}

/** Undefined where there are no withdrawals. */
async function startPayouts(
  data: WorkersData,
  { registry, observer, calls }: Outside,
): Promise<Closable | undefined> {
  const { databaseUrl: url, cardKeys, outside } = data;
  if (cardKeys === undefined) return undefined;
  const payments = await postgresPayments({
    url,
    observer,
    poolMax: 4,
    cardKeys,
    payments: paymentMetrics(registry),
  });
  const wakeUps = await openWakeUps({ ...data, observer, clock: systemClock });
  const meter = payoutMetrics(registry, { payments, wakeUps, now: Date.now });
  const bank = outside.bank && httpBank(outside.bank, calls);
  const codeSender = outside.codeSender && httpCodeSender(outside.codeSender, calls);
  const worker = await startPayoutWorker({ payments, wakeUps, bank, codeSender, observer, meter });
  const reconciling = bank && (await startReconciliation(url, { bank, observer, registry }));
  return {
    async close() {
      await Promise.all([worker.close(), reconciling?.close()]);
      await Promise.allSettled([wakeUps.close(), payments.close()]);
    },
  };
}

/** Undefined where no trade platform is connected. */
async function startTrades(
  data: WorkersData,
  { registry, observer, calls }: Outside,
): Promise<Closable | undefined> {
  const { databaseUrl: url, tradePlatforms: configs, publicUrl, cardKeys } = data;
  if (configs.length === 0) return undefined;
  const now = Date.now;
  const platforms = tradePlatforms(configs, { publicUrl, now });
  const work = await postgresTradeWork({
    url,
    observer,
    poolMax: 8,
    platforms: configs,
    publicUrl,
    meter: intakeMetrics(registry),
    cardKeys,
  });
  const queues = await openPollQueues(
    { ...data, observer, clock: systemClock },
    { platforms: configs.length },
  );
  const { polls, mappings } = work;
  const meter = pollMetrics(registry);
  const polling = { configs, platforms, polls, queues, observer, meter, calls, now };
  const worker = await startPollWorker(polling);
  const stopMappings = startMappingWorker({ mappings, platforms, observer });
  const stopPurging = repeat(() => work.purge(), { intervalMs: tradePurgeMs }, observer);
  return {
    async close() {
      await Promise.all([worker.close(), stopMappings(), stopPurging()]);
      await Promise.allSettled([queues.close(), work.close()]);
      platforms.close();
    },
  };
}

async function startReconciliation(
  url: string,
  deps: Pick<ReconcilingDeps, 'bank' | 'registry'> & { readonly observer: Observer },
): Promise<Closable> {
  const { observer } = deps;
  const pool = await openPool({ url, observer, poolMax: 1, applicationName: 'hongbao-reconcile' });
  const stop = startReconciling({ ...deps, pool, now: Date.now });
  return {
    async close() {
      await stop();
      await pool.end();
    },
  };
}

async function runAsThread(): Promise<void> {
  const workers = await startWorkers(workerData as WorkersData);
  const send = (message: FromThread) => parentPort?.postMessage(message);
  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'ask') {
      void workers.registry
        .getMetricsAsJSON()
        .then((value) => send({ kind: 'told', id: message.id, value }));
    } else if (message.kind === 'drain') {
      void workers.close().finally(() => {
        send({ kind: 'drained' });
        parentPort?.close();
      });
    }
  });
  send({ kind: 'serving' });
}

async function runAsProcess(): Promise<void> {
  const config = loadConfig(process.env, { role: 'worker' });
  const { databaseUrl, redis, logLevel, metricsPort, outside, publicUrl } = config;
  assert(databaseUrl !== undefined, 'a worker without a database is no valid configuration');
  await migrate(databaseUrl);
  const cardKeys = await cardKeysOf(config);
  const shared = { name: 'workers', databaseUrl, redis, logLevel };
  const { tradePlatforms: platforms } = config;
  const trades = { publicUrl, tradePlatforms: platforms };
  const workers = await startWorkers({ ...shared, ...trades, cardKeys, outside });
  const server = createServer((request, response) => {
    if (request.url === '/livez') response.end('ok\n');
    else if (request.url === '/metrics') {
      workers.registry.metrics().then(
        (text) => response.setHeader('content-type', workers.registry.contentType).end(text),
        () => response.writeHead(500).end(),
      );
    } else response.writeHead(404).end();
  });
  if (metricsPort !== undefined) server.listen(metricsPort);
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    // An audit of a large ledger under way is not waited for.
    setTimeout(() => process.exit(0), drainTimeoutMs).unref();
    server.close();
    void workers.close().finally(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

if (isMainThread) {
  runAsProcess().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
} else await runAsThread();
