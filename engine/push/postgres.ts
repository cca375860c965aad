/**
 * Pushes on Postgres. Written by `write.ts` inside the transactions of others; read and listened to here, with a pool
 * of its own, so that streams never take the connections of money. (E5, E12)
 */
import { pushReadsMax, pushReadsWidth } from '../limits.ts';
import type { Clock } from '../ports/clock.ts';
import { listenTo } from '../store/notifications.ts';
import { openPool, type PoolOptions } from '../store/pool.ts';
import { planSettings } from '../store/postgres.ts';
import { Listeners, newest, touch } from './listeners.ts';
import type { Push, Pushes } from './port.ts';
import { type ReadRequest, readPushes } from './read.ts';
import { Together } from './together.ts';
import { pushChannel } from './write.ts';
import { WritersEnded } from './writers-ended.ts';

export interface PushesOptions extends Pick<PoolOptions, 'url' | 'observer' | 'poolMax'> {
  readonly clock: Clock;
}

/**
 * Opens the pushes on a migrated database.
 *
 * @throws UnsafeServer when the server could lose what it acknowledged; the message says what to set
 */
export async function postgresPushes(options: PushesOptions): Promise<Pushes> {
  const { clock, url } = options;
  const pool = await openPool({
    ...options,
    applicationName: 'hongbao-push',
    settings: planSettings,
  });
  const reads = new Together<ReadRequest, readonly Push[]>({
    clock,
    max: pushReadsMax,
    width: pushReadsWidth,
    ask: (requests) => readPushes(pool, requests),
  });
  const listeners = new Listeners(pool, new WritersEnded(pool, clock), clock);
  const watches: { close(): Promise<void> }[] = [];
  return {
    listen: (userId) => listeners.listen(userId),
    read: (userId, after, limit) => reads.ask({ userId, after, limit }),
    newest: (userIds) => newest(pool, userIds),
    touch: (userIds) => touch(pool, userIds, clock.now()),
    watch(hear) {
      watches.push(
        listenTo({
          url,
          channel: pushChannel,
          applicationName: 'hongbao-push-watch',
          clock,
          hear: (payload) => hear(usersIn(payload)),
          listening: () => hear(undefined),
        }),
      );
    },
    async close() {
      await Promise.all(watches.map((watch) => watch.close()));
      await pool.end();
    },
  };
}

/** What `write.ts` puts into a word; of one that others sent, anybody may have news. */
function usersIn(payload: string): readonly string[] | undefined {
  try {
    return payload === '' ? undefined : (JSON.parse(payload) as readonly string[]);
  } catch {
    return undefined;
  }
}
