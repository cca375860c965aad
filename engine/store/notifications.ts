/**
 * Listening to what others say over the database (NOTIFY), on a connection of its own, which is made sure of now and
 * then and opened again when it was lost.
 */
import { Client } from 'pg';
import { hurryRetryMs, notificationsAnswerMs, notificationsPingMs } from '../limits.ts';
import { sleep, type Clock, type Timer } from '../ports/clock.ts';

export interface NotificationsOptions {
  readonly url: string;
  /** A name that needs no quoting. */
  readonly channel: string;
  readonly applicationName: string;
  readonly clock: Clock;
  /** At each word, with its payload. */
  readonly hear: (payload: string) => void;
  /** It listens from now on, for the first time or again: words before may have been missed. */
  readonly listening?: () => void;
}

/** Listens until `close`. */
export function listenTo(options: NotificationsOptions): { close(): Promise<void> } {
  const { url, channel, applicationName, clock, hear } = options;
  let client: Client | undefined;
  let timer: Timer | undefined;
  let closed = false;
  const listen = () => {
    if (closed) return;
    const own = new Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: notificationsAnswerMs,
      query_timeout: notificationsAnswerMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
    });
    client = own;
    let lost = false;
    const again = () => {
      if (lost) return;
      lost = true;
      own.end().catch(() => undefined);
      timer?.cancel();
      timer = closed ? undefined : clock.after(hurryRetryMs, listen);
    };
    // A connection whose other end is gone without a word brings no error by itself.
    const ping = () => {
      if (lost || closed) return;
      timer = clock.after(notificationsPingMs, () => {
        own.query('SELECT 1').then(ping, again);
      });
    };
    own.on('error', again);
    own.on('end', again);
    own.on('notification', ({ payload }) => hear(payload ?? ''));
    own
      .connect()
      .then(() => own.query(`LISTEN ${channel}`))
      .then(() => {
        if (closed) return;
        options.listening?.();
        ping();
      })
      .catch(again);
  };
  listen();
  return {
    async close() {
      closed = true;
      timer?.cancel();
      // A server that hangs would hold up the end of the process.
      const ended = client?.end().catch(() => undefined);
      await Promise.race([ended, sleep(clock, hurryRetryMs)]);
    },
  };
}
