/** WakeUps on BullMQ, alike on both backends; a queue of its own, never the journal's. */
import type { JobsOptions } from 'bullmq';
import { type StartWorker, startProcessing } from '../journal/consumer.ts';
import type { Reporter } from '../journal/reporter.ts';
import type { Clock } from '../ports/clock.ts';
import type { Consumer } from '../ports/journal.ts';
import type { WorkQueue } from '../queues/open.ts';
import { jobIdOf, type WakeUpKind, type WakeUps, wakeUpOf } from './port.ts';

export const queueName = 'payouts';

/** Nothing of them is kept: what counts stands in Postgres. */
const jobOptions: JobsOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };
/** Jobs without a priority come first: a code is good for minutes, and a slow bank can make a long line of payouts. */
const kindOptions: Readonly<Record<WakeUpKind, JobsOptions>> = {
  code: {},
  payout: { priority: 1 },
};

export function bullmqWakeUps(parts: {
  readonly queue: Pick<WorkQueue, 'add' | 'getJobCounts' | 'close'>;
  readonly startWorker: StartWorker;
  readonly reporter: Reporter;
  readonly clock: Clock;
  /** Ends the queue's own connection. */
  readonly disconnect: () => Promise<void>;
}): WakeUps {
  const { queue, reporter } = parts;
  const consumers = new Set<Consumer>();
  let closing: Promise<void> | undefined;
  const closeAll = async () => {
    await Promise.all([...consumers].map((consumer) => consumer.close()));
    await queue
      .close()
      .catch((error: unknown) => reporter.report('warn', 'payout queue did not close', error));
    await parts.disconnect();
  };
  /** BullMQ's promises may never settle once it is closed. */
  const checkOpen = () => {
    if (closing !== undefined) throw new Error('the payout queue is closed');
  };
  return {
    async add(wakeUp) {
      checkOpen();
      await queue.add(wakeUp.kind, '', {
        ...jobOptions,
        ...kindOptions[wakeUp.kind],
        jobId: jobIdOf(wakeUp),
      });
    },
    async consume(handler, { concurrency }) {
      checkOpen();
      const consumer = await startProcessing({ ...parts, concurrency }, async (job) => {
        const wakeUp = wakeUpOf(job.id ?? '');
        if (wakeUp !== undefined) await handler(wakeUp);
      });
      consumers.add(consumer);
      return {
        async close() {
          await consumer.close();
          consumers.delete(consumer);
        },
      };
    },
    async depth() {
      checkOpen();
      const counts = await queue.getJobCounts();
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
