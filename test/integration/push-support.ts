/** Books, store and base server on one database, with the pushes of what is done there. */
import { systemClock } from '../../engine/adapters/clock.ts';
import type { Push, Pushes } from '../../engine/push/port.ts';
import { postgresPushes } from '../../engine/push/postgres.ts';
import { type NewPush, writePushes } from '../../engine/push/write.ts';
import type { Social } from '../../engine/social/port.ts';
import { postgresSocial } from '../../engine/social/postgres.ts';
import type { Message, NewMessage } from '../../engine/social/types.ts';
import { transaction } from '../../engine/store/pool.ts';
import { booksUnderTest, type BooksUnderTest } from './books-support.ts';

export interface PushUnderTest extends BooksUnderTest {
  readonly pushes: Pushes;
  readonly social: Social;
  /** All that is kept for the user above `after`, read `limit` at a time. */
  all(userId: string, after?: number, limit?: number): Promise<Push[]>;
  /** As `[no, type]`. */
  types(userId: string, after?: number): Promise<(string | number)[][]>;
  /** Rows that stand for the user's pushes. */
  rows(userId: string): Promise<number>;
  /** As one transaction of its own. */
  write(...pushes: NewPush[]): Promise<void>;
  /** A group of these members, who need not be contacts. */
  group(...members: string[]): Promise<string>;
  /** All as one transaction. */
  say(...messages: NewMessage[]): Promise<Message[]>;
}

export async function pushUnderTest(): Promise<PushUnderTest> {
  const base = await booksUnderTest();
  const { url, pool, clock } = base;
  const pushes = await postgresPushes({ url, clock: { ...systemClock, now: () => clock.now } });
  const social = await postgresSocial({ url, now: () => clock.now });
  const all: PushUnderTest['all'] = async (userId, after = 0, limit = 1_000) => {
    const found: Push[] = [];
    for (let from = after; ; from = found.at(-1)?.no ?? from) {
      const page = await pushes.read(userId, from, limit);
      if (page.length === 0) return found;
      found.push(...page);
    }
  };
  return {
    ...base,
    pushes,
    social,
    all,
    types: async (userId, after) => (await all(userId, after)).map(({ no, type }) => [no, type]),
    async rows(userId) {
      const { rows } = await pool.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM push WHERE user_id = $1',
        [userId],
      );
      return rows[0]?.n ?? 0;
    },
    write: (...list) => transaction(pool, (connection) => writePushes(connection, list, clock.now)),
    async group(...members) {
      const { rows } = await pool.query<{ id: string }>(
        `INSERT INTO conversation (kind, name, owner, members, created_at, last_at)
         VALUES (2, 'group', $1, $2, 0, 0) RETURNING id`,
        [members[0], members.length],
      );
      const id = rows[0]?.id ?? '';
      await pool.query(
        `INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
         SELECT $1::bigint, user_id, 0, 0, 0 FROM unnest($2::text[]) AS named (user_id)`,
        [id, members],
      );
      return id;
    },
    async say(...messages) {
      const posted: Message[] = [];
      const sender = messages[0]?.senderId ?? '';
      await social.once(sender, 'test', undefined, async (tx) => {
        for (const message of messages) {
          const result = await social.postMessage(tx, message);
          if (result.code !== 'posted') throw new Error(result.code);
          posted.push(result.message);
        }
        return { status: 201, body: null, keep: true };
      });
      return posted;
    },
    async close() {
      await pushes.close();
      await social.close();
      await base.close();
    },
  };
}
