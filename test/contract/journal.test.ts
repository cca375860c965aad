import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { fakeJournal } from '../../engine/journal/fake.ts';
import { postgresJournal } from '../../engine/journal/postgres.ts';
import { redisJournal } from '../../engine/journal/redis.ts';
import type { Journal } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { freshDatabase } from '../setup/database.ts';
import { type JournalUnderTest, journalContract } from './journal.contract.ts';

const shared = { clock: systemClock, observer: silentObserver };

journalContract('the fake', async () => {
  const fake = fakeJournal(shared);
  return {
    journal: fake.journal,
    another: async () => fake.open(),
    remove: () => fake.journal.close(),
  };
});

journalContract('PostgreSQL', async () => {
  const database = await freshDatabase({ migrated: false });
  return under(
    () => postgresJournal({ ...shared, url: database.url, schema: 'journal' }),
    () => database.drop(),
  );
});

journalContract('Redis', async () => {
  const url = inject('redisUrl');
  const queue = `test-${randomBytes(8).toString('hex')}`;
  return under(
    () => redisJournal({ ...shared, url, queue }),
    async () => {
      const client = new Redis(url);
      for await (const keys of client.scanStream({ match: `*${queue}*` })) {
        if (keys.length > 0) await client.del(keys);
      }
      client.disconnect();
    },
  );
});

async function under(
  open: () => Promise<Journal>,
  removeStore: () => Promise<void>,
): Promise<JournalUnderTest> {
  const opened: Journal[] = [];
  const another = async () => {
    const journal = await open();
    opened.push(journal);
    return journal;
  };
  return {
    journal: await another(),
    another,
    async remove() {
      await Promise.all(opened.map((journal) => journal.close()));
      await removeStore();
    },
  };
}
