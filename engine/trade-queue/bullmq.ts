/** PollQueue on BullMQ's job schedulers, alike on both backends. */
import { type JobSchedulerTemplateOptions, Worker, type WorkerOptions } from 'bullmq';
import { type StartWorker, startProcessing } from '../journal/consumer.ts';
import type { Reporter } from '../journal/reporter.ts';
import type { Clock } from '../ports/clock.ts';
import type { Consumer } from '../ports/journal.ts';
import type { WorkQueue } from '../queues/open.ts';
import { offsetOf, type PollQueue, type PollSettings } from './port.ts';

/** Nothing of a poll is kept: the next one comes anyway. */
const jobOptions: JobSchedulerTemplateOptions = {
  attempts: 1,
  removeOnComplete: true,
  removeOnFail: true,
};
const secondMs = 1_000;

export function queueNameOf(platform: string): string {
  return `trade-poll-${platform}`;
}

export function bullmqPolls(
  settings: PollSettings,
  parts: {
    readonly queue: Pick<
      WorkQueue,
      'upsertJobScheduler' | 'removeJobScheduler' | 'rateLimit' | 'close'
    >;
    readonly startWorker: StartWorker;
    readonly reporter: Reporter;
    readonly clock: Clock;
  },
): PollQueue {
  const { queue, reporter, startWorker } = parts;
  const { intervalMs, perSecond } = settings;
  const limiter: NonNullable<WorkerOptions<never>['limiter']> = {
    max: perSecond,
    duration: secondMs,
  };
  const consumers = new Set<Consumer>();
  let closing: Promise<void> | undefined;
  const closeAll = async () => {
    await Promise.all([...consumers].map((consumer) => consumer.close()));
    await queue
      .close()
      .catch((error: unknown) => reporter.report('warn', 'poll queue did not close', error));
  };
  /** BullMQ's promises may never settle once it is closed. */
  const checkOpen = () => {
    if (closing !== undefined) throw new Error('the poll queue is closed');
  };
  return {
    async schedule(id) {
      checkOpen();
      const repeat = { every: intervalMs, offset: offsetOf(id, intervalMs) };
      await queue.upsertJobScheduler(id, repeat, { name: 'poll', data: '', opts: jobOptions });
    },
    async unschedule(id) {
      checkOpen();
      await queue.removeJobScheduler(id);
    },
    async consume(handler, { concurrency }) {
      checkOpen();
      const limited: StartWorker = (process, options) =>
        startWorker(process, { ...options, limiter });
      const consumer = await startProcessing(
        { ...parts, startWorker: limited, concurrency },
        async (job) => {
          const poll = pollOf(job.id ?? '');
          if (poll === undefined) return;
          const turn = await handler(poll);
          if (turn.code === 'done') return;
          await queue.rateLimit(Math.max(1, Math.ceil(turn.restMs)));
          if (turn.code === 'later') throw Worker.RateLimitError();
        },
      );
      consumers.add(consumer);
      return {
        async close() {
          await consumer.close();
          consumers.delete(consumer);
        },
      };
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** BullMQ names a scheduler's jobs `repeat:<scheduler>:<when it is due>`. */
function pollOf(jobId: string): { readonly id: string; readonly dueAt: number } | undefined {
  const [, id, due] = /^repeat:(\d{1,18}):(\d{1,15})$/.exec(jobId) ?? [];
  return id === undefined ? undefined : { id, dueAt: Number(due) };
}
