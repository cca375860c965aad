/** The gateway's routes on the real base server, and the few steps that every test of it takes. */
import { Pool } from 'pg';
import { expect } from 'vitest';
import type { Social } from '../../engine/social/port.ts';
import { postgresSocial } from '../../engine/social/postgres.ts';
import { harness, type Ask, type Said } from '../gateway/harness.ts';
import { freshDatabase } from '../setup/database.ts';

export interface SocialUnderTest {
  readonly social: Social;
  readonly pool: Pool;
  readonly clock: { now: number };
  /** Asks as `userId`; every answer is held against the OpenAPI document. */
  readonly ask: (
    userId: string,
    method: string,
    path: string,
    body?: unknown,
    more?: Ask,
  ) => Promise<Said>;
  /** `[status, code]` of a refusal. */
  readonly refusal: (
    userId: string,
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<unknown[]>;
  readonly befriend: (userId: string, ...others: string[]) => Promise<void>;
  /** The new group's id; the owner's contacts are made first. */
  readonly group: (owner: string, ...members: string[]) => Promise<string>;
  /** The message as it was answered. */
  readonly say: (userId: string, to: object, text: string, more?: object) => Promise<Said['json']>;
  /** All pages of a list, `limit` at a time. */
  readonly all: (userId: string, path: string, limit?: number) => Promise<Said['json'][]>;
  /** The conversation's place in the user's list. */
  readonly conversation: (userId: string, id: string) => Promise<Said['json']>;
  readonly close: () => Promise<void>;
}

export async function socialUnderTest(): Promise<SocialUnderTest> {
  const database = await freshDatabase();
  const clock = { now: 1_700_000_000_000 };
  const social = await postgresSocial({ url: database.url, now: () => clock.now });
  const pool = new Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const http = harness({}, social);

  const ask: SocialUnderTest['ask'] = (userId, method, path, body, more) =>
    http.ask(method, path, { as: userId, ...(body === undefined ? {} : { body }), ...more });
  const done = async (userId: string, method: string, path: string, body?: unknown) => {
    const said = await ask(userId, method, path, body);
    expect([path, said.json.code]).toEqual([path, undefined]);
    return said.json;
  };
  const befriend: SocialUnderTest['befriend'] = async (userId, ...others) => {
    for (const other of others) {
      await done(userId, 'POST', '/v1/contacts', { userId: other });
      await done(other, 'POST', `/v1/contacts/${userId}/accept`);
    }
  };
  const all: SocialUnderTest['all'] = async (userId, path, limit = 200) => {
    const items: unknown[] = [];
    for (let cursor = ''; ;) {
      const page = await done(
        userId,
        'GET',
        `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor}`,
      );
      items.push(...(page.items ?? page.members));
      if (page.next === undefined) return items;
      cursor = `&cursor=${page.next}`;
    }
  };
  return {
    social,
    pool,
    clock,
    ask,
    befriend,
    all,
    async refusal(userId, method, path, body) {
      const { status, json } = await ask(userId, method, path, body);
      return [status, json.code];
    },
    async group(owner, ...members) {
      await befriend(owner, ...members);
      return (await done(owner, 'POST', '/v1/groups', { name: 'family', members })).id;
    },
    say: (userId, to, text, more) => done(userId, 'POST', '/v1/messages', { to, text, ...more }),
    conversation: async (userId, id) =>
      (await all(userId, '/v1/conversations')).find((item) => item.id === id),
    async close() {
      await social.close();
      await pool.end();
      await database.drop();
    },
  };
}
