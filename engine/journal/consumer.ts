/**
 * Guards invariant 4 on the journal's side: a job leaves only when its handler has resolved.
 * Whatever happens to connections or locks, the job comes again; settling makes that harmless.
 */
import { type Job, UnrecoverableError, type WorkerOptions } from 'bullmq';
import type { Clock } from '../ports/clock.ts';
import { type Consumer, type JobId, parseJobId } from '../ports/journal.ts';
import { attemptsMax, backoffMs, idleWaitSeconds, workerTimes } from './job.ts';
import { type Reporter, reasonOf } from './reporter.ts';

/** Longest wait, twice, for BullMQ to finish once no handler runs any more. */
const closeMsMax = 5_000;

export type Handler = (id: JobId, payload: string) => Promise<void>;
export type Process = (job: Job<unknown, void>) => Promise<void>;

/** What a worker needs besides its connection. */
export type WorkerSettings = Omit<WorkerOptions<never>, 'connection'>;

/** A BullMQ worker with connections of its own. */
export interface RunningWorker {
  /** Resolves when it fetches jobs, rejects when it never will. */
  ready(): Promise<void>;
  /** Stops fetching and waits for the jobs under way. */
  close(): Promise<void>;
  /** Cuts the connections; what close() waits for is rejected then. Called once. */
  disconnect(): Promise<void>;
}

export type StartWorker = (process: Process, settings: WorkerSettings) => RunningWorker;

interface ConsumerOptions {
  readonly startWorker: StartWorker;
  readonly concurrency: number;
  readonly reporter: Reporter;
  readonly clock: Clock;
}

/**
 * Starts consuming; rejects, with nothing left running, when the store cannot be reached now.
 * Later losses of the connection are survived.
 */
export function startConsumer(
  options: ConsumerOptions & { readonly handler: Handler },
): Promise<Consumer> {
  return startProcessing(options, (job) => handle(job, options.handler, options.reporter));
}

/** The same for jobs of any kind. */
export async function startProcessing(options: ConsumerOptions, work: Process): Promise<Consumer> {
  const { clock, reporter } = options;
  const running = new Set<Promise<void>>();
  let closing = false;
  const worker = options.startWorker(
    async (job) => {
      // Fetched in the moment of closing; it comes again.
      if (closing) throw new Error('the consumer is closing');
      const handled = work(job);
      running.add(handled);
      try {
        await handled;
      } finally {
        running.delete(handled);
      }
    },
    {
      concurrency: options.concurrency,
      maxStalledCount: attemptsMax,
      drainDelay: idleWaitSeconds,
      settings: { backoffStrategy: backoffMs },
      ...workerTimes,
    },
  );

  const close = async () => {
    closing = true;
    const closed = worker.close().catch((error: unknown) => {
      reporter.report('warn', 'journal worker did not close cleanly', error);
    });
    while (running.size > 0) await Promise.allSettled(running);
    // A store that is away cannot remove the last jobs; they come again.
    await within(closeMsMax, closed);
    await within(closeMsMax, Promise.allSettled([worker.disconnect(), closed]));
  };
  const within = async (delayMs: number, done: Promise<unknown>) => {
    const patience = Promise.withResolvers<void>();
    const timer = clock.after(delayMs, patience.resolve);
    await Promise.race([done, patience.promise]);
    timer.cancel();
  };

  try {
    await worker.ready();
  } catch (error) {
    await close();
    throw error;
  }
  let ending: Promise<void> | undefined;
  return {
    close() {
      ending ??= close();
      return ending;
    },
  };
}

async function handle(
  job: Job<unknown, void>,
  handler: Handler,
  reporter: Reporter,
): Promise<void> {
  const id = job.id ?? '';
  const payload = job.data;
  if (parseJobId(id) === undefined || typeof payload !== 'string') {
    const error = new UnrecoverableError(`not a job of the journal: ${id.slice(0, 64)}`);
    reporter.report('error', 'foreign job in the journal queue, left there as failed', error);
    throw error;
  }
  try {
    await handler(id, payload);
  } catch (error) {
    reporter.report('warn', 'journal job not settled, it comes again', error);
    // BullMQ gives certain error types, names and messages meanings of their own; ours have none.
    throw new Error(`not settled: ${reasonOf(error)}`);
  }
}
