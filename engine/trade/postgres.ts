/** Trade groups on Postgres, with a pool of their own. (T1–T6) */
import { connectionOf, retried } from '../books/context.ts';
import { once } from '../books/once.ts';
import { type CardKey, Vault } from '../payment/vault.ts';
import { conversationKind, group, groups } from '../social/groups.ts';
import { messages } from '../social/messages.ts';
import { comeIntoBeing } from '../social/people.ts';
import { openPool, type PoolOptions } from '../store/pool.ts';
import type { TradePlatforms } from '../trade-http/platforms.ts';
import type { TradeContext } from './context.ts';
import { create, prompts } from './groups.ts';
import { answerInvitation, candidates, invitations, invite } from './invitations.ts';
import { answerJoinRequest, joinRequests, requestToJoin } from './join-requests.ts';
import { removeMembers } from './leaving.ts';
import type { TradeGroups } from './port.ts';
import { putSettings, settings } from './settings.ts';

export interface TradeGroupsOptions extends Pick<PoolOptions, 'url' | 'observer' | 'poolMax'> {
  readonly platforms: Pick<TradePlatforms, 'info'>;
  /** Undefined: accounts with secrets are refused. */
  readonly cardKeys: readonly CardKey[] | undefined;
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined;
}

const kind = conversationKind.tradeGroup;

/**
 * Opens trade groups on a migrated database. (T1–T6)
 *
 * @throws UnsafeServer when the server could lose what it acknowledged; the message says what to set
 */
export async function postgresTradeGroups(options: TradeGroupsOptions): Promise<TradeGroups> {
  const { platforms, cardKeys } = options;
  const pool = await openPool({ ...options, applicationName: 'hongbao-trade-groups' });
  const context: TradeContext = {
    pool,
    platforms,
    now: options.now ?? Date.now,
    vault: cardKeys && new Vault(cardKeys),
  };
  return {
    once: (userId, scope, tag, work) =>
      retried(() =>
        once(context, userId, scope, tag, async (tx) => {
          await comeIntoBeing(connectionOf(tx), userId, context.now());
          return work(tx);
        }),
      ),
    create: (tx, input) => create(context, tx, input),
    groups: (userId, at) => groups(context, userId, at, kind),
    group: (groupId, userId, at) => group(context, groupId, userId, at, kind),
    messages: (groupId, userId, at) => messages(context, groupId, userId, at, kind),
    removeMembers: (groupId, userId, members) => removeMembers(context, groupId, userId, members),
    candidates: (groupId, userId, at) => candidates(context, groupId, userId, at),
    invite: (tx, groupId, userId, invitees) => invite(context, tx, groupId, userId, invitees),
    invitations: (userId, at) => invitations(context, userId, at),
    answerInvitation: (userId, id, accept) => answerInvitation(context, userId, id, accept),
    prompts: (userId, ownerIds) => prompts(context, userId, ownerIds),
    requestToJoin: (tx, groupId, userId) => requestToJoin(context, tx, groupId, userId),
    joinRequests: (groupId, userId, at) => joinRequests(context, groupId, userId, at),
    answerJoinRequest: (groupId, userId, id, approve) =>
      answerJoinRequest(context, groupId, userId, id, approve),
    settings: (groupId, userId) => settings(context, groupId, userId),
    putSettings: (groupId, userId, given) => putSettings(context, groupId, userId, given),
    close: () => pool.end(),
  };
}
