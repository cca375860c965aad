/** Event-loop lag of this thread as a metric, labelled with the thread's role. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

const resolutionMs = 10;
const nanosecondsPerSecond = 1e9;

/** p99 and maximum since the last scrape, seconds. */
export function registerLoopLag(registry: Registry, thread: string): void {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  new Gauge({
    name: 'hongbao_event_loop_lag_seconds',
    help: 'Event-loop delay since the last scrape, by thread',
    labelNames: ['thread', 'quantile'],
    registers: [registry],
    collect() {
      if (histogram.count > 0) {
        // The timer's own resolution is no lag.
        const lag = (nanoseconds: number) =>
          Math.max(0, nanoseconds / nanosecondsPerSecond - resolutionMs / 1000);
        this.set({ thread, quantile: '0.99' }, lag(histogram.percentile(99)));
        this.set({ thread, quantile: '1' }, lag(histogram.max));
      }
      histogram.reset();
    },
  });
}
