/**
 * The base server on Postgres. It has a pool of its own, so that talk never takes the connections of money. (E16)
 */
import { connectionOf, retried } from '../books/context.ts';
import { once } from '../books/once.ts';
import { openPool, type PoolOptions } from '../store/pool.ts';
import { audienceOf, newcomers } from './audience.ts';
import {
  acceptContact,
  blockContact,
  removeContact,
  requestContact,
  unblockContact,
} from './contacts.ts';
import { contacts } from './contact-pages.ts';
import type { SocialContext } from './context.ts';
import { conversations, markRead } from './conversations.ts';
import { createGroup, group, groups } from './groups.ts';
import { addMembers, removeMembers } from './members.ts';
import { messages, postMessage } from './messages.ts';
import { comeIntoBeing, me, setProfile } from './people.ts';
import type { Social } from './port.ts';
import { publish, timeline } from './posts.ts';

export interface SocialOptions extends Pick<PoolOptions, 'url' | 'observer' | 'poolMax'> {
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined;
}

/**
 * Opens the base server on a migrated database. (E7, E8, E10, E16)
 *
 * @throws UnsafeServer when the server could lose what it acknowledged; the message says what to set
 */
export async function postgresSocial(options: SocialOptions): Promise<Social> {
  const pool = await openPool({ ...options, applicationName: 'hongbao-social' });
  const context: SocialContext = { pool, now: options.now ?? Date.now };
  return {
    once: (userId, scope, tag, work) =>
      retried(() =>
        once(context, userId, scope, tag, async (tx) => {
          await comeIntoBeing(connectionOf(tx), userId, context.now());
          return work(tx);
        }),
      ),
    me: (userId) => me(context, userId),
    setProfile: (userId, name, about) => setProfile(context, userId, name, about),
    contacts: (userId, state, at) => contacts(context, userId, state, at),
    requestContact: (tx, userId, otherId) => requestContact(context, tx, userId, otherId),
    acceptContact: (userId, otherId) => acceptContact(context, userId, otherId),
    removeContact: (userId, otherId) => removeContact(context, userId, otherId),
    blockContact: (userId, otherId) => blockContact(context, userId, otherId),
    unblockContact: (userId, otherId) => unblockContact(context, userId, otherId),
    audienceOf: (senderId, to) => audienceOf(context, senderId, to),
    newcomers,
    createGroup: (tx, input) => createGroup(context, tx, input),
    groups: (userId, at) => groups(context, userId, at),
    group: (groupId, userId, at) => group(context, groupId, userId, at),
    addMembers: (tx, groupId, userId, members) => addMembers(context, tx, groupId, userId, members),
    removeMembers: (groupId, userId, members) => removeMembers(context, groupId, userId, members),
    postMessage: (tx, input) => postMessage(context, tx, input),
    conversations: (userId, at) => conversations(context, userId, at),
    messages: (conversationId, userId, at) => messages(context, conversationId, userId, at),
    markRead: (conversationId, userId, messageId) =>
      markRead(context, conversationId, userId, messageId),
    publish: (tx, input) => publish(context, tx, input),
    timeline: (place, readerId, at) => timeline(context, place, readerId, at),
    close: () => pool.end(),
  };
}
