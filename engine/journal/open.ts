/** Chooses the journal's backend: BullMQ on Redis where one is configured, else on the database itself. */
import type { Clock } from '../ports/clock.ts';
import type { Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import type { Store } from '../ports/store.ts';
import { postgresJournal } from './postgres.ts';
import { redisJournal } from './redis.ts';

export interface JournalSettings {
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
  readonly observer: Observer;
  readonly clock: Clock;
}

/** @throws JournalUnsafe when the store's settings would lose acknowledged events */
export async function openJournal(settings: JournalSettings): Promise<Journal> {
  const { databaseUrl, redisUrl, observer, clock } = settings;
  return redisUrl === undefined
    ? postgresJournal({ url: databaseUrl, observer, clock })
    : redisJournal({ url: redisUrl, observer, clock });
}

/**
 * Makes sure that journal and database belong together; binds a journal that is used for the first time.
 * @throws Error with one line for the operator when they do not
 */
export async function bindJournal(store: Store, journal: Journal): Promise<void> {
  const { id, bound } = await store.journalId();
  const standing = bound ? (await journal.ownership()).journalId : await journal.bind(id);
  if (standing === id) {
    if (!bound) await store.markBound();
    return;
  }
  throw new Error(
    standing === undefined
      ? `the journal is empty, but the database was used with journal ${id}: acknowledged events may be missing`
      : `the journal is ${standing}, but the database belongs to journal ${id}: REDIS_URL or DATABASE_URL is wrong`,
  );
}
