/** A shard thread: wires the real adapters to a Host and speaks the protocol with the gateway's thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { Gauge, Registry, type Aggregator } from 'prom-client';
import { systemClock } from './adapters/clock.ts';
import { createLogger } from './adapters/log.ts';
import { registerLoopLag } from './adapters/loop-lag.ts';
import { metricsObserver } from './adapters/observer.ts';
import { systemRandom } from './adapters/random.ts';
import { assert } from './core/assert.ts';
import type { Command } from './core/command.ts';
import { openJournal } from './journal/open.ts';
import { statusPushMs } from './limits.ts';
import { Host } from './shard/host.ts';
import type { Outcome } from './shard/request.ts';
import { JournalMismatch } from './shard/take-over.ts';
import { postgresStore } from './store/postgres.ts';
import type { FromThread, ThreadData, ToThread } from './threads/protocol.ts';
import { eachRequest, OutcomeOutbox } from './threads/wire.ts';

assert(parentPort !== null, 'this file runs as a worker thread');
const port = parentPort;
const data = workerData as ThreadData;
const logger = createLogger(data.logLevel, data.name);
const registry = new Registry();
const observer = metricsObserver(registry, logger);
const send = (message: FromThread) => port.postMessage(message);

const journal = await openJournal({ ...data, observer, clock: systemClock });
const store = await postgresStore({ url: data.databaseUrl, observer, poolMax: 8 });
const host = new Host({
  journal,
  store,
  clock: systemClock,
  random: systemRandom(),
  observer,
  journalWatermark: data.journalWatermark,
  unsettledBytesMax: data.unsettledBytesMax,
});

registerLoopLag(registry, data.name);
const gauge = (name: string, help: string, read: () => number, aggregator: Aggregator = 'sum') =>
  new Gauge({
    name: `hongbao_${name}`,
    help,
    aggregator,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
gauge('mailbox_depth', 'Commands whose answer has not left yet', () => host.status().waiting);
gauge('resident_actors', 'Batches in memory', () => host.status().residentActors);
gauge('shards_served', 'Shards owned and served', () => host.status().served.length);
gauge(
  'unsettled_events',
  'Events decided here and not settled yet',
  () => host.status().unsettledEvents,
);
gauge(
  'unsettled_bytes',
  'Payload bytes kept in memory until settled',
  () => host.status().unsettledBytes,
);
gauge(
  'oldest_unsettled_age_seconds',
  'Age of the oldest unsettled event decided here',
  () => {
    const at = host.status().oldestUnsettledAt;
    return at === undefined ? 0 : Math.max(0, (systemClock.now() - at) / 1000);
  },
  'max',
);

const outcomes = new OutcomeOutbox();
const sendOutcomes = () => send(outcomes.take());

function answered(id: number, outcome: Outcome, number: number, seq: number): void {
  // Everything released in this turn leaves in one message.
  if (outcomes.isEmpty) queueMicrotask(sendOutcomes);
  outcomes.add(id, outcome, number, seq);
}

const handle = (id: number, batchId: string, command: Command) =>
  host.handle({
    batchId,
    command,
    reply: (outcome, number = 0, seq = 0) => answered(id, outcome, number, seq),
  });

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'requests':
      eachRequest(message.text, handle);
      for (const item of message.items) handle(...item);
      break;
    case 'assign':
      host.assign(message.shards);
      break;
    case 'ask':
      void answer(message.id, message.what);
      break;
    case 'drain':
      void drain(message.timeoutMs);
      break;
  }
});

async function answer(id: number, what: 'metrics' | 'status'): Promise<void> {
  send({
    kind: 'told',
    id,
    value: what === 'status' ? host.status() : await registry.getMetricsAsJSON(),
  });
}

async function drain(timeoutMs: number): Promise<void> {
  await host.drain(timeoutMs);
  await Promise.allSettled([journal.close(), store.close()]);
  send({ kind: 'drained' });
  port.close();
}

setInterval(() => send({ kind: 'status', status: host.status() }), statusPushMs).unref();

try {
  await host.start(data.shards);
  send({ kind: 'status', status: host.status() });
  send({ kind: 'serving' });
} catch (error) {
  if (!(error instanceof JournalMismatch)) throw error;
  send({ kind: 'hopeless', reason: error.message });
}
