/** The gateway's routes on the real base server, and the few steps that every test of it takes. */
import { Pool } from 'pg';
import { expect } from 'vitest';
import type { Social } from '../../engine/social/port.ts';
import type { CardKey } from '../../engine/payment/vault.ts';
import { postgresSocial } from '../../engine/social/postgres.ts';
import type { TradeGroups } from '../../engine/trade/port.ts';
import { postgresTradeGroups } from '../../engine/trade/postgres.ts';
import type { TradePlatforms } from '../../engine/trade-http/platforms.ts';
import { harness, type Ask, type Said } from '../gateway/harness.ts';
import { freshDatabase } from '../setup/database.ts';

export interface SocialUnderTest {
  readonly url: string;
  readonly social: Social;
  readonly tradeGroups: TradeGroups;
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

export interface SocialTestOptions {
  /** None are connected unless given. */
  readonly platforms?: TradePlatforms;
  readonly cardKeys?: readonly CardKey[];
}

export async function socialUnderTest(options: SocialTestOptions = {}): Promise<SocialUnderTest> {
  const { platforms, cardKeys } = options;
  const database = await freshDatabase();
  const { url } = database;
  const clock = { now: 1_700_000_000_000 };
  const now = () => clock.now;
  const social = await postgresSocial({ url, now });
  const known = platforms ?? { info: () => undefined };
  const tradeGroups = await postgresTradeGroups({ url, now, platforms: known, cardKeys });
  const pool = new Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const http = harness({}, social, { tradeGroups, platforms });

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
    url,
    social,
    tradeGroups,
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
      await tradeGroups.close();
      await pool.end();
      await database.drop();
    },
  };
}
