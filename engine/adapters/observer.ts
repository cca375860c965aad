/** Observer as prom-client metrics and log lines. Names carry prefix and base unit; no id ever becomes a label. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Observer } from '../ports/observer.ts';
import type { Logger } from './log.ts';
import { metricOf, PlainHistogram } from './plain-metrics.ts';

const seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const sizes = [1, 5, 10, 50, 100, 500, 1000, 5000, 20_000];

const alarmQuietMs = 60_000;
const alarmsKeptMax = 100;

/** Counts what the engine reports into `registry`, and logs what a person should see. */
export function metricsObserver(registry: Registry, logger: Logger): Observer {
  const registers = [registry];
  const answers = new Map<string, Map<string, { count: number }>>();
  registry.registerMetric(
    metricOf('counter', 'hongbao_commands_total', 'Commands answered, by kind and result', () =>
      [...answers].flatMap(([command, byResult]) =>
        Array.from(byResult, ([result, { count }]) => ({
          labels: { command, result },
          value: count,
        })),
      ),
    ),
  );
  const gate = new PlainHistogram(seconds);
  const gateName = 'hongbao_gate_wait_seconds';
  registry.registerMetric(
    metricOf('histogram', gateName, 'Time a result waited at the output gate', () => [
      ...gate.values(gateName),
    ]),
  );
  const flushDuration = new Histogram({
    name: 'hongbao_flush_duration_seconds',
    help: 'From freezing a journal job until its add replied',
    buckets: seconds,
    registers,
  });
  const flushEvents = new Histogram({
    name: 'hongbao_flush_size_events',
    help: 'Events per journal job',
    buckets: sizes,
    registers,
  });
  const flushBytes = new Counter({
    name: 'hongbao_flush_bytes_total',
    help: 'Payload bytes added to the journal',
    registers,
  });
  const settledEvents = new Counter({
    name: 'hongbao_settle_events_total',
    help: 'Events moved from the journal into Postgres',
    registers,
  });
  const settleDuration = new Histogram({
    name: 'hongbao_settle_duration_seconds',
    help: 'Duration of one settle transaction',
    buckets: seconds,
    registers,
  });
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `hongbao_${name}`, help, labelNames, registers });
  const droppedEvents = counter(
    'settle_dropped_events_total',
    'Events of shards sealed above their owner',
  );
  const quarantines = counter(
    'quarantined_events_total',
    'Events set aside because they can never apply',
  );
  const alarms = counter('alarms_total', 'Things that must never happen', ['what']);
  const overloads = counter('overloaded_total', 'Requests refused before they were tried', [
    'where',
  ]);
  const ownersEnded = counter('owners_ended_total', 'Owners that ended before their process');
  const shardsLost = counter(
    'shards_lost_total',
    'Shards taken by somebody else while served here',
  );
  const takeOver = new Gauge({
    name: 'hongbao_take_over_duration_seconds',
    help: 'Duration of the newest take-over',
    aggregator: 'max',
    registers,
  });

  const alarmed = new Map<string, number>();

  const answered = (command: string, code: string) => {
    let byCode = answers.get(command);
    if (byCode === undefined) answers.set(command, (byCode = new Map()));
    let counted = byCode.get(code);
    if (counted === undefined) byCode.set(code, (counted = { count: 0 }));
    return counted;
  };

  return {
    answered(command, code, gateMs) {
      answered(command, code).count += 1;
      gate.observe(gateMs / 1000);
    },
    flushed(events, bytes, durationMs) {
      flushDuration.observe(durationMs / 1000);
      flushEvents.observe(events);
      flushBytes.inc(bytes);
    },
    settled(events, durationMs) {
      settledEvents.inc(events);
      settleDuration.observe(durationMs / 1000);
    },
    dropped(events) {
      droppedEvents.inc(events);
      logger.warn({ events }, 'events of a sealed shard were dropped; nobody was told of them');
    },
    quarantined(batchId, version, reason) {
      quarantines.inc();
      logger.error(
        { batchId, version, reason },
        'an event went into quarantine, and its batch with it',
      );
    },
    alarm(what, detail) {
      alarms.inc({ what });
      // What stands still is found again at every attempt; one line a minute tells it.
      const now = performance.now();
      const key = `${what} ${detail}`;
      if (now - (alarmed.get(key) ?? -Infinity) < alarmQuietMs) return;
      if (alarmed.size >= alarmsKeptMax) alarmed.clear();
      alarmed.set(key, now);
      logger.fatal({ what }, detail);
    },
    takenOver(shards, durationMs) {
      takeOver.set(durationMs / 1000);
      logger.info({ shards, durationMs: Math.round(durationMs) }, 'shards taken over');
    },
    ownerEnded(reason) {
      ownersEnded.inc();
      logger.warn({ reason }, 'owner ended');
    },
    lost(shards) {
      shardsLost.inc(shards);
      logger.warn({ shards }, 'shards were taken by somebody else');
    },
    overloaded(where) {
      overloads.inc({ where });
    },
    log(level, message, detail) {
      logger[level](detail ?? {}, message);
    },
  };
}
