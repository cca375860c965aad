/** How the fake journal hands jobs to consumers: at least once, in any order a test asks for. */
import type { Clock } from '../ports/clock.ts';
import type { Consumer, JobId } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import { backoffMs } from './job.ts';

type Handler = (id: JobId, payload: string) => Promise<void>;

interface Offer {
  readonly id: JobId;
  readonly payload: string | undefined;
}

interface Reader {
  readonly handler: Handler;
  readonly concurrency: number;
  readonly active: Set<Promise<void>>;
  closed: boolean;
}

export interface FakeDelivery {
  /** A job is there to deliver; with a payload of its own also when it is gone again by then. */
  readonly offer: (id: JobId, payload?: string) => void;
  /** As after a restart: every job that is there is offered, those under way once more. */
  offerAll(): void;
  readonly hold: () => void;
  readonly resume: () => void;
  /** From now on the next job is drawn; needs a Random. */
  readonly shuffle: () => void;
  subscribe(handler: Handler, concurrency: number): Consumer;
}

export function fakeDelivery(parts: {
  readonly clock: Clock;
  readonly random: Random | undefined;
  /** Ids of the jobs that are there, oldest first. */
  readonly ids: () => Iterable<JobId>;
  readonly payload: (id: JobId) => string | undefined;
  readonly remove: (id: JobId) => void;
}): FakeDelivery {
  const { clock, random } = parts;
  const readers = new Set<Reader>();
  let waiting: Offer[] = [];
  let held = false;
  let shuffled = false;
  let scheduled = false;
  const attempts = new Map<JobId, number>();

  const schedule = () => {
    if (scheduled || held) return;
    scheduled = true;
    clock.soon(() => {
      scheduled = false;
      if (!held) for (const reader of readers) fill(reader);
    });
  };

  const fill = (reader: Reader) => {
    while (!reader.closed && reader.active.size < reader.concurrency && waiting.length > 0) {
      const place = shuffled && random !== undefined ? random.below(waiting.length) : 0;
      const [offered] = waiting.splice(place, 1);
      if (offered === undefined) break;
      const { id } = offered;
      const payload = offered.payload ?? parts.payload(id);
      if (payload === undefined) continue;
      const done = deliver(reader, id, payload).finally(() => {
        reader.active.delete(done);
        schedule();
      });
      reader.active.add(done);
    }
  };

  const deliver = async (reader: Reader, id: JobId, payload: string) => {
    try {
      await reader.handler(id, payload);
      attempts.delete(id);
      parts.remove(id);
    } catch {
      const attempt = (attempts.get(id) ?? 0) + 1;
      attempts.set(id, attempt);
      clock.after(backoffMs(attempt), () => offer(id));
    }
  };

  const offer = (id: JobId, payload?: string) => {
    waiting.push({ id, payload });
    schedule();
  };

  return {
    offer,
    offerAll() {
      waiting = Array.from(parts.ids(), (id) => ({ id, payload: undefined }));
      schedule();
    },
    hold() {
      held = true;
    },
    resume() {
      held = false;
      schedule();
    },
    shuffle() {
      if (random === undefined) throw new Error('to shuffle, the fake journal needs a Random');
      shuffled = true;
    },
    subscribe(handler, concurrency) {
      const reader: Reader = { handler, concurrency, active: new Set(), closed: false };
      readers.add(reader);
      schedule();
      return {
        async close() {
          reader.closed = true;
          readers.delete(reader);
          while (reader.active.size > 0) await Promise.all(reader.active);
        },
      };
    },
  };
}
