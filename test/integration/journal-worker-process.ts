/** A process with a consumer, for tests that kill it. Arguments: kind, url, what the handler does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../engine/adapters/clock.ts';
import { postgresJournal } from '../../engine/journal/postgres.ts';
import { redisJournal } from '../../engine/journal/redis.ts';
import { silentObserver } from '../../engine/ports/observer.ts';

const [kind, url = '', work] = process.argv.slice(2);
const shared = { url, clock: systemClock, observer: silentObserver };
const journal = await (kind === 'redis' ? redisJournal(shared) : postgresJournal(shared));
await journal.consume(
  async (id) => {
    process.stdout.write(`has ${id}\n`);
    if (work === 'hang') await sleep(3_600_000);
    // The event loop stands still: no lock is renewed meanwhile.
    const until = performance.now() + 5_000;
    while (performance.now() < until);
    process.stdout.write(`done ${id}\n`);
  },
  { concurrency: 1 },
);
