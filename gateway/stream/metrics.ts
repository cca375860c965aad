/** What streams count. No id is ever a label. */
import type { Registry } from 'prom-client';
import { metricOf } from '../../engine/adapters/plain-metrics.ts';

const counters = {
  resumes: ['hongbao_stream_resumes_total', 'Streams opened with a Last-Event-ID.'],
  resets: ['hongbao_stream_resets_total', 'Streams whose client had to read its pages again.'],
  pushes: ['hongbao_stream_pushes_sent_total', 'Pushes written to clients.'],
  cutOff: ['hongbao_streams_cut_off_total', 'Clients cut off because they read too slowly.'],
  refused: ['hongbao_streams_refused_total', 'Streams refused because there were too many.'],
  failedReads: [
    'hongbao_stream_failed_reads_total',
    'Reads of pushes that failed; repeated later.',
  ],
} as const;

export type StreamCounts = Record<keyof typeof counters, number>;

/** Plain numbers to add to; shown in the registry when there is one. */
export function streamCounts(registry: Registry | undefined, open: () => number): StreamCounts {
  const counts = { resumes: 0, resets: 0, pushes: 0, cutOff: 0, refused: 0, failedReads: 0 };
  for (const [key, [name, help]] of Object.entries(counters)) {
    const value = () => [{ labels: {}, value: counts[key as keyof StreamCounts] }];
    registry?.registerMetric(metricOf('counter', name, help, value));
  }
  registry?.registerMetric(
    metricOf('gauge', 'hongbao_streams_open', 'Push streams that are open.', () => [
      { labels: {}, value: open() },
    ]),
  );
  return counts;
}
