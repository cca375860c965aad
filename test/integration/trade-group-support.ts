/** Trade groups over HTTP on a real database, with platforms that nobody asks anything, and what is pushed. */
import { expect } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { EnvironmentReader } from '../../engine/environment.ts';
import type { CardKey } from '../../engine/payment/vault.ts';
import type { Push } from '../../engine/push/port.ts';
import { postgresPushes } from '../../engine/push/postgres.ts';
import { readTradePlatforms } from '../../engine/trade-http/config.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import type { Said } from '../gateway/harness.ts';
import { socialUnderTest, type SocialUnderTest } from './social-support.ts';

export const cardKey = (id: string, fill: number): CardKey => ({
  id,
  key: new Uint8Array(32).fill(fill),
});

const configs = [
  { name: 'mall', paths: ['poll'], title: 'The Mall' },
  { name: 'bazaar', paths: ['poll', 'push'] },
  { name: 'market', paths: ['push'] },
  { name: 'twin', paths: ['same'] },
  { name: 'fair', paths: ['push', 'same'] },
].map((one) => ({
  ...one,
  kind: 'generic',
  url: `https://${one.name}.example/api`,
  webhookSecret: `webhook secret of the ${one.name}`,
  token: 'a token of the tests',
}));

const env = { TRADE_PLATFORMS: JSON.stringify(configs) };
export const platformConfigs = readTradePlatforms(new EnvironmentReader(env));

export interface TradeGroupsUnderTest extends SocialUnderTest {
  /** As a client sees it of one who is answered with success. */
  readonly done: (
    userId: string,
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<Said['json']>;
  /** A new trade group's id: the members, contacts of the owner, are invited and have accepted. */
  readonly tradeGroup: (owner: string, ...members: string[]) => Promise<string>;
  /** The id of the invitation; the two are contacts. */
  readonly invite: (owner: string, groupId: string, userId: string) => Promise<string>;
  readonly membersOf: (userId: string, groupId: string) => Promise<string[]>;
  readonly put: (userId: string, groupId: string, settings: object) => Promise<Said>;
  /** From now on pushes are kept for these users. */
  readonly listen: (...userIds: string[]) => Promise<void>;
  /** `[type, data]` of all that is kept. */
  readonly pushed: (userId: string) => Promise<[Push['type'], Push['data']][]>;
}

/** @param cardKeys none: as a server that was given none */
export async function tradeGroupsUnderTest(
  cardKeys: readonly CardKey[] = [cardKey('k1', 1)],
): Promise<TradeGroupsUnderTest> {
  const platforms = tradePlatforms(platformConfigs, {
    publicUrl: 'https://packets.example',
    now: Date.now,
  });
  const under = await socialUnderTest({ platforms, ...(cardKeys.length > 0 && { cardKeys }) });
  const clock = { ...systemClock, now: () => under.clock.now };
  const pushes = await postgresPushes({ url: under.url, clock });
  const done: TradeGroupsUnderTest['done'] = async (userId, method, path, body) => {
    const said = await under.ask(userId, method, path, body);
    expect([path, said.json.code]).toEqual([path, undefined]);
    return said.json;
  };
  return {
    ...under,
    done,
    async tradeGroup(owner, ...members) {
      await under.befriend(owner, ...members);
      const body = { name: 'trades', invite: members };
      const { id, invitations } = await done(owner, 'POST', '/v1/trade-groups', body);
      for (const { id: invitation, inviteeId } of invitations) {
        await done(inviteeId, 'POST', `/v1/invitations/${invitation}/accept`);
      }
      return id;
    },
    async invite(owner, groupId, userId) {
      const path = `/v1/trade-groups/${groupId}/invitations`;
      return (await done(owner, 'POST', path, { userIds: [userId] })).items[0].id;
    },
    membersOf: async (userId, groupId) =>
      (await under.all(userId, `/v1/trade-groups/${groupId}`)).map((member) => member.userId),
    put: (userId, groupId, settings) =>
      under.ask(userId, 'PUT', `/v1/trade-groups/${groupId}/settings`, settings),
    async listen(...userIds) {
      await Promise.all(userIds.map((userId) => pushes.listen(userId)));
    },
    async pushed(userId) {
      const kept = await pushes.read(userId, 0, 1_000);
      return kept.map(({ type, data }) => [type, data]);
    },
    async close() {
      await pushes.close();
      platforms.close();
      await under.close();
    },
  };
}
