/** Metrics of the gateway; the hot path only adds to plain numbers. No id is ever a label. */
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';
import { registerLoopLag } from '../engine/adapters/loop-lag.ts';
import { metricOf, PlainHistogram } from '../engine/adapters/plain-metrics.ts';

/** Counts one route's requests. Not for sharing between routes. */
export interface RouteRecorder {
  /** Starts a request; gives its start, monotonic ms. */
  begin(): number;
  end(status: number, startedMs: number): void;
}

export interface GatewayMetrics {
  /** Register further metrics of the main thread here. */
  readonly registry: Registry;
  readonly contentType: string;
  route(method: string, pattern: string): RouteRecorder;
  /** Everything as Prometheus text, the threads' metrics (`getMetricsAsJSON()`) merged in. */
  exposition(threads: readonly object[]): Promise<string>;
}

/** Upper bounds, seconds. */
const bounds = [
  0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2.5,
  5, 10,
];

interface Row {
  readonly labels: { readonly method: string; readonly route: string };
  readonly byStatus: Map<number, number>;
  readonly seconds: PlainHistogram;
}

/**
 * With `process` (the default) come prom-client's process metrics, prefix `hongbao_`, and the main
 * thread's event-loop lag; they start timers, so tests leave them out.
 */
export function createMetrics({ process = true } = {}): GatewayMetrics {
  const registry = new Registry();
  const rows: Row[] = [];
  let inFlight = 0;
  if (process) {
    collectDefaultMetrics({ register: registry, prefix: 'hongbao_' });
    registerLoopLag(registry, 'gateway');
  }

  registry.registerMetric(
    metricOf('counter', 'hongbao_http_requests_total', 'Requests answered, by status.', () =>
      rows.flatMap((row) =>
        Array.from(row.byStatus, ([status, value]) => ({
          labels: { ...row.labels, status },
          value,
        })),
      ),
    ),
  );
  const duration = 'hongbao_http_request_duration_seconds';
  registry.registerMetric(
    metricOf('histogram', duration, 'From the handler’s start to its answer.', () =>
      rows
        .filter((row) => row.byStatus.size > 0)
        .flatMap((row) => [...row.seconds.values(duration, row.labels)]),
    ),
  );
  registry.registerMetric(
    metricOf('gauge', 'hongbao_http_requests_in_flight', 'Requests being handled.', () => [
      { labels: {}, value: inFlight },
    ]),
  );

  return {
    registry,
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,

    route(method, pattern) {
      const byStatus = new Map<number, number>();
      const seconds = new PlainHistogram(bounds);
      const row: Row = { labels: { method, route: pattern }, byStatus, seconds };
      rows.push(row);
      return {
        begin() {
          inFlight += 1;
          return performance.now();
        },
        end(status, startedMs) {
          inFlight -= 1;
          seconds.observe((performance.now() - startedMs) / 1_000);
          byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
        },
      };
    },

    async exposition(threads) {
      const own = await registry.getMetricsAsJSON();
      return AggregatorRegistry.aggregate([own, ...threads]).metrics();
    },
  };
}
