/** The two push logs under contract, each with a way to push. */
import { Pool } from 'pg';
import { systemClock } from '../../engine/adapters/clock.ts';
import { FakePushes } from '../../engine/push/fake.ts';
import type { Push, Pushes, PushType } from '../../engine/push/port.ts';
import { postgresPushes } from '../../engine/push/postgres.ts';
import { writePushes } from '../../engine/push/write.ts';
import { transaction } from '../../engine/store/pool.ts';
import { freshDatabase } from '../setup/database.ts';

export interface PushesUnderTest {
  readonly pushes: Pushes;
  /** As one transaction. */
  tell(users: readonly string[], type: PushType, data: Push['data']): Promise<void>;
  close(): Promise<void>;
}

export type MakePushes = () => Promise<PushesUnderTest>;

export async function fakePushesUnderTest(): Promise<PushesUnderTest> {
  const pushes = new FakePushes();
  return {
    pushes,
    tell: async (users, type, data) => {
      for (const userId of users) pushes.push(userId, type, data);
    },
    close: () => pushes.close(),
  };
}

export async function postgresPushesUnderTest(): Promise<PushesUnderTest> {
  const database = await freshDatabase();
  const pushes = await postgresPushes({ url: database.url, clock: systemClock, poolMax: 4 });
  const pool = new Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined);
  return {
    pushes,
    tell: (users, type, data) =>
      transaction(pool, (connection) =>
        writePushes(connection, [{ kind: 'told', users, type, data }], systemClock.now()),
      ),
    async close() {
      await pushes.close();
      await pool.end();
      await database.drop();
    },
  };
}
