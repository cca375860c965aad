/**
 * Guards invariants 3 and 4: the Journal port on BullMQ, as far as it is alike on both backends.
 *
 * One flush is one job whose custom id is the flush's id. While that job exists BullMQ keeps the
 * first payload for an id, so a flush of unknown outcome is simply added again. The data is a bare
 * string: JSON that needs no escaping, the cheapest that BullMQ stores.
 */
import type { JobsOptions } from 'bullmq';
import type { Clock } from '../ports/clock.ts';
import type { Journal, JournalRefusal, Ownership, Pressure } from '../ports/journal.ts';
import { type StartWorker, startConsumer } from './consumer.ts';
import { checkJob, jobName, jobOptions } from './job.ts';
import { checkTake } from './owners.ts';
import type { Reporter } from './reporter.ts';

/** What differs between Redis and PostgreSQL. Nothing in it waits without a bound. */
export interface Backend {
  /** Rejects while the store is away or unsafe; called before a job is added. */
  ready(): Promise<void>;
  read(ids: readonly string[]): Promise<readonly (string | undefined)[]>;
  ownership(): Promise<Ownership>;
  take(shards: readonly number[], number: number): Promise<void>;
  bind(journalId: string): Promise<string>;
  pressure(): Promise<Pressure>;
  /** The refusal that `error` of an add stands for, when the job was certainly not kept. */
  refusal(error: unknown): JournalRefusal | undefined;
  readonly startWorker: StartWorker;
  close(): Promise<void>;
}

/** The part of BullMQ's Queue used here; its full type differs between backends. */
export interface FlushQueue {
  add(name: string, data: string, options: JobsOptions): Promise<unknown>;
  getJobCounts(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

/** The Journal over a queue and the backend it lives on; both are closed with it. */
export function bullmqJournal(parts: {
  readonly queue: FlushQueue;
  readonly backend: Backend;
  readonly reporter: Reporter;
  readonly clock: Clock;
}): Journal {
  const { queue, backend } = parts;
  const consumers = new Set<{ close(): Promise<void> }>();
  let closing: Promise<void> | undefined;

  const closeAll = async () => {
    await Promise.all([...consumers].map((consumer) => consumer.close()));
    try {
      await queue.close();
    } catch (error) {
      parts.reporter.report('warn', 'journal queue did not close cleanly', error);
    }
    await backend.close();
  };

  /** BullMQ's promises may never settle once it is closed. */
  const checkOpen = () => {
    if (closing !== undefined) throw new Error('the journal is closed');
  };

  return {
    async add(id, payload) {
      checkJob(id, payload);
      checkOpen();
      await backend.ready();
      try {
        await queue.add(jobName, payload, { ...jobOptions, jobId: id });
      } catch (error) {
        throw backend.refusal(error) ?? error;
      }
    },
    async read(ids) {
      if (ids.length === 0) return [];
      return backend.read(ids);
    },
    ownership: () => backend.ownership(),
    async take(shards, number) {
      checkTake(shards, number);
      await backend.take(shards, number);
    },
    bind: (journalId) => backend.bind(journalId),
    async consume(handler, { concurrency }) {
      checkOpen();
      const consumer = await startConsumer({ ...parts, ...backend, handler, concurrency });
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
    pressure: () => backend.pressure(),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
