/** Trades that come in on a real database: groups and settings written as rows, pages and pushes read back. */
import { Pool } from 'pg';
import { systemClock } from '../../engine/adapters/clock.ts';
import type { CardKey } from '../../engine/payment/vault.ts';
import { Vault } from '../../engine/payment/vault.ts';
import type { PlatformTrade } from '../../engine/ports/trade-platform.ts';
import type { Push, Pushes } from '../../engine/push/port.ts';
import { postgresPushes } from '../../engine/push/postgres.ts';
import type { Social } from '../../engine/social/port.ts';
import { postgresSocial } from '../../engine/social/postgres.ts';
import type { Message } from '../../engine/social/types.ts';
import { sealSecret } from '../../engine/trade/secrets.ts';
import type { SharedType } from '../../engine/trade/types.ts';
import type { PlatformConfig } from '../../engine/trade-http/config.ts';
import type { Taken } from '../../engine/trade-intake/accept.ts';
import { type IntakeMeter, silentIntakeMeter } from '../../engine/trade-intake/meter.ts';
import type { TradeIntake } from '../../engine/trade-intake/port.ts';
import {
  postgresIntake,
  postgresTradeWork,
  type TradeWork,
} from '../../engine/trade-intake/postgres.ts';
import { freshDatabase } from '../setup/database.ts';

export const cardKeys: readonly CardKey[] = [{ id: 'k1', key: new Uint8Array(32).fill(7) }];
export const publicUrl = 'https://red.example';

export function platformConfig(more: Partial<PlatformConfig> = {}): PlatformConfig {
  return {
    name: 'mall',
    title: 'Mall',
    kind: 'generic',
    url: 'https://mall.example/api',
    linkHosts: ['item.example'],
    paths: ['poll', 'push', 'same'],
    webhookSecret: 'webhook secret of the mall',
    token: 'token of ours at the mall',
    pollIntervalSeconds: 60,
    requestsPerSecond: 50,
    sandbox: false,
    ...more,
  };
}

/** The system's. */
export const realClock = {
  get now() {
    return Date.now();
  },
};

export interface Sharing {
  readonly platform?: string;
  readonly account: string;
  readonly secret?: string;
  readonly types?: readonly SharedType[];
}

export interface IntakeUnderTest {
  readonly url: string;
  readonly pool: Pool;
  readonly clock: { now: number };
  readonly intake: TradeIntake;
  readonly work: TradeWork;
  readonly social: Social;
  readonly pushes: Pushes;
  /** What was counted, in order. */
  readonly counted: {
    readonly taken: Taken[];
    readonly pushed: string[];
    readonly mapped: string[];
  };
  /** A trade group of these members. */
  group(...members: string[]): Promise<string>;
  join(groupId: string, userId: string): Promise<void>;
  leave(groupId: string, userId: string): Promise<void>;
  /** The account's id. */
  share(userId: string, groupId: string, sharing: Sharing): Promise<string>;
  /** A trade of 17's at the mall. */
  trade(id: string, more?: Partial<PlatformTrade>): PlatformTrade;
  /** As `userId` sees them, oldest first. */
  messages(groupId: string, userId: string): Promise<Message[]>;
  titles(groupId: string, userId: string): Promise<string[]>;
  told(userId: string): Promise<readonly Push[]>;
  /** `[reason, trade id, user id]`, oldest first. */
  quarantine(): Promise<(string | null)[][]>;
  close(): Promise<void>;
}

/** @param clock default: one that stands still */
export async function intakeUnderTest(
  platforms: readonly PlatformConfig[] = [platformConfig()],
  clock: { now: number } = { now: 1_800_000_000_000 },
): Promise<IntakeUnderTest> {
  const database = await freshDatabase();
  const { url } = database;
  const now = () => clock.now;
  const counted: IntakeUnderTest['counted'] = { taken: [], pushed: [], mapped: [] };
  const meter: IntakeMeter = {
    ...silentIntakeMeter,
    taken: (_platform, _path, taken) => void counted.taken.push(taken),
    pushed: (_platform, result) => void counted.pushed.push(result),
    mapped: (_platform, result) => void counted.mapped.push(result),
  };
  const options = { url, platforms, publicUrl, now, meter };
  const intake = await postgresIntake(options);
  const work = await postgresTradeWork({ ...options, cardKeys });
  const social = await postgresSocial({ url, now });
  const pushes = await postgresPushes({ url, clock: { ...systemClock, now } });
  const pool = new Pool({ connectionString: url, max: 4 });
  pool.on('error', () => undefined);
  const vault = new Vault(cardKeys);

  const value = async <Value>(text: string, values: unknown[]): Promise<Value> => {
    const { rows } = await pool.query<{ value: Value }>(text, values);
    return rows[0]!.value;
  };
  const join: IntakeUnderTest['join'] = async (groupId, userId) => {
    await pool.query(
      `INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
       SELECT id, $2, last_no, last_no, $3 FROM conversation WHERE id = $1`,
      [groupId, userId, clock.now],
    );
  };
  const messages: IntakeUnderTest['messages'] = async (groupId, userId) => {
    const found: Message[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await social.messages(groupId, userId, { cursor, limit: 200 });
      if (page.code !== 'page') throw new Error(page.code);
      found.push(...page.items);
      if (page.next === undefined) return found.toReversed();
      cursor = page.next;
    }
  };
  return {
    url,
    pool,
    clock,
    intake,
    work,
    social,
    pushes,
    counted,
    async group(...members) {
      const id = await value<string>(
        `INSERT INTO conversation (kind, name, owner, members, created_at, last_at)
         VALUES (3, 'group', $1, $2, $3, $3) RETURNING id AS value`,
        [members[0], members.length, clock.now],
      );
      for (const member of members) await join(id, member);
      return id;
    },
    join,
    async leave(groupId, userId) {
      for (const table of ['member', 'trade_settings', 'trade_settings_account']) {
        await pool.query(`DELETE FROM ${table} WHERE conversation = $1 AND user_id = $2`, [
          groupId,
          userId,
        ]);
      }
    },
    async share(userId, groupId, { platform = 'mall', account, secret, types = [] }) {
      const owner = { user_id: userId, platform, account };
      const sealed = secret === undefined ? undefined : sealSecret(vault, owner, secret);
      const id = await value<string>(
        `INSERT INTO trade_account (created_at, user_id, platform, account, secret_key, secret_nonce, secret)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (user_id, platform, account) DO UPDATE SET created_at = trade_account.created_at
         RETURNING id AS value`,
        [
          clock.now,
          userId,
          platform,
          account,
          sealed?.secret_key ?? null,
          sealed?.secret_nonce ?? null,
          sealed?.secret ?? null,
        ],
      );
      await pool.query(
        `INSERT INTO trade_settings (conversation, user_id, changed_at, types) VALUES ($1, $2, $3, $4)
         ON CONFLICT (conversation, user_id) DO UPDATE SET types = excluded.types`,
        [groupId, userId, clock.now, JSON.stringify(types)],
      );
      await pool.query(
        `INSERT INTO trade_settings_account (conversation, trade_account, user_id) VALUES ($1, $2, $3)`,
        [groupId, id, userId],
      );
      return id;
    },
    trade: (id, more) => ({
      id,
      account: '17',
      title: `Trade ${id}`,
      categories: ['electronics'],
      price: 12_900,
      currency: 'CNY',
      url: `https://item.example/${id}`,
      at: clock.now,
      ...more,
    }),
    messages,
    titles: async (groupId, userId) =>
      (await messages(groupId, userId)).map(({ text }) => text ?? ''),
    told: (userId) => pushes.read(userId, 0, 1_000),
    async quarantine() {
      const { rows } = await pool.query<Record<string, string | null>>(
        'SELECT reason, trade_id, user_id FROM trade_quarantine ORDER BY id',
      );
      return rows.map((row) => [row['reason']!, row['trade_id']!, row['user_id']!]);
    },
    async close() {
      await Promise.all([intake.close(), work.close(), social.close(), pushes.close()]);
      await pool.end();
      await database.drop();
    },
  };
}
