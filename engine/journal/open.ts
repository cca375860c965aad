/** Chooses the journal's backend: BullMQ on Redis where one is configured, else on the database itself. */
import type { Clock } from '../ports/clock.ts';
import type { Journal } from '../ports/journal.ts';
import type { Observer } from '../ports/observer.ts';
import type { Store } from '../ports/store.ts';
import { postgresJournal } from './postgres.ts';
import { redisJournal } from './redis.ts';

/** A Redis or Valkey, and what its operator vouches for because the engine cannot see it. */
export interface RedisSettings {
  readonly url: string;
  /** No replica of it can be promoted. */
  readonly trustReplicas: boolean;
  /** CONFIG is forbidden there, but the durability settings are right. */
  readonly trustUnreadableSettings: boolean;
}

export interface JournalSettings {
  readonly databaseUrl: string;
  /** Absent: the journal lives in the database. */
  readonly redis: RedisSettings | undefined;
  readonly observer: Observer;
  readonly clock: Clock;
}

/** @throws JournalUnsafe when the store's settings would lose acknowledged events */
export async function openJournal(settings: JournalSettings): Promise<Journal> {
  const { databaseUrl, redis, observer, clock } = settings;
  return redis === undefined
    ? postgresJournal({ url: databaseUrl, observer, clock })
    : redisJournal({ ...redis, observer, clock });
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
      ? `REDIS_URL: the journal there is empty, but the database was used with journal ${id}; if that one is lost for good, see "npm run adopt-journal" in the README`
      : `REDIS_URL: the journal there is ${standing}, but the database belongs to journal ${id}; to move to it on purpose, see "npm run adopt-journal" in the README`,
  );
}
