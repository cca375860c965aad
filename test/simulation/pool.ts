/** Runs many seeds on several threads; a run is single-threaded, runs are independent. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { SingleBar } from 'cli-progress';
import { simulate, type Report } from './simulate.ts';
import { addReport, noTotals, type Totals } from './totals.ts';

export interface Many {
  readonly from: number;
  readonly count: number;
  readonly jobs: number;
  /** No run begins later. */
  readonly seconds: number;
  readonly progress: boolean;
}

interface Share {
  readonly simulate: readonly number[];
  readonly until: number;
}

export async function runMany(many: Many): Promise<{ totals: Totals; failed: Report[] }> {
  const totals = noTotals();
  const failed: Report[] = [];
  const bar = many.progress
    ? new SingleBar({ format: '{bar} {value}/{total} seeds, {failed} failed' })
    : undefined;
  bar?.start(many.count, 0, { failed: 0 });
  const take = (report: Report) => {
    addReport(totals, report);
    if (report.failure !== undefined) failed.push(report);
    bar?.update(totals.runs, { failed: failed.length });
  };
  const seeds = Array.from({ length: many.count }, (_, i) => many.from + i);
  const until = Date.now() + many.seconds * 1000;
  const shares = Array.from({ length: many.jobs }, (_, job) =>
    work({ simulate: seeds.filter((_seed, i) => i % many.jobs === job), until }, take),
  );
  try {
    await Promise.all(shares);
  } finally {
    bar?.stop();
  }
  failed.sort((one, other) => one.seed - other.seed);
  return { totals, failed };
}

function work(share: Share, take: (report: Report) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.on('message', take);
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

function isShare(data: unknown): data is Share {
  return typeof data === 'object' && data !== null && 'simulate' in data;
}

if (!isMainThread && parentPort !== null && isShare(workerData)) {
  for (const seed of workerData.simulate) {
    if (Date.now() > workerData.until) break;
    parentPort.postMessage(await simulate({ seed }));
  }
}
