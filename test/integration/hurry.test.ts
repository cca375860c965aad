/** The word of those who wait, over the database, also after it was away. */
import { Client } from 'pg';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { listenForHurry } from '../../engine/store/hurry.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { freshDatabase } from '../setup/database.ts';

test('who waits is heard by those who settle, also after a lost connection', async () => {
  const database = await freshDatabase();
  const store = await postgresStore({ url: database.url });
  const client = new Client({ connectionString: database.url });
  await client.connect();
  let heard = 0;
  const listener = listenForHurry(database.url, systemClock, () => {
    heard += 1;
  });
  const waits = { timeout: 10_000, interval: 60 };
  const hearsAgain = () => {
    const before = heard;
    return vi.waitFor(async () => {
      await store.progress([1], true);
      expect(heard).toBeGreaterThan(before);
    }, waits);
  };
  try {
    await hearsAgain();
    const end = `SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
      WHERE application_name = 'hongbao-hurry' AND datname = current_database()`;
    expect((await client.query<{ n: string }>(end)).rows).toEqual([{ n: '1' }]);
    await hearsAgain();
    // Words that are still on their way.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = heard;
    await store.progress([1]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toBe(before);
  } finally {
    await listener.close();
    await client.end();
    await store.close();
    await database.drop();
  }
});
