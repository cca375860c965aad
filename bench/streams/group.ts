/** A group of the first receivers, made over HTTP, and messages to it. */
import { receiverName, signToken } from '../load/tokens.ts';
import { ApiClient, expectStatus } from '../support/client.ts';
import { eachOf } from '../support/pool.ts';

const width = 64;
const owner = 'owner';

export interface Groups {
  /** @returns the id of a group with so many members beside its owner */
  make(members: number): Promise<string>;
  say(groupId: string, text: string): Promise<void>;
  close(): void;
}

export function groupsOn(url: string, secret: string): Groups {
  const client = new ApiClient(url, width);
  const ownerToken = signToken(secret, owner);
  const post = (path: string, token: string, body?: unknown, ...statuses: number[]) =>
    expectStatus(path, client.call('POST', path, { token, body }), ...statuses);
  let contacts = 0;
  return {
    async make(count) {
      const members = Array.from({ length: count }, (_, i) => receiverName(i));
      await eachOf(members.slice(contacts), width, async (userId) => {
        await post('/v1/contacts', ownerToken, { userId }, 200, 201);
        await post(`/v1/contacts/${owner}/accept`, signToken(secret, userId), undefined, 200, 201);
      });
      contacts = Math.max(contacts, count);
      const { id } = await post('/v1/groups', ownerToken, { name: 'everybody', members }, 201);
      return String(id);
    },
    async say(groupId, text) {
      await post('/v1/messages', ownerToken, { to: { groupId }, text }, 201);
    },
    close: () => client.close(),
  };
}
