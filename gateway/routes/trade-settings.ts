/** What a member shares in a trade-sharing group, and what there is to choose from. (T5, T6) */
import { systemTypes } from '../../engine/trade/system-types.ts';
import type { AccountView, TradeSettings } from '../../engine/trade/types.ts';
import { page } from '../answer.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever } from '../http.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import { conversationId } from '../schemas/social-fields.ts';
import * as answers from '../schemas/trade-answers.ts';
import { settingsBody } from '../schemas/trade-requests.ts';

const tag = 'Trade groups';
const path = '/v1/trade-groups/:id/settings';
const params = { id: conversationId };
const pathRefusal = 'group_not_found';

const shownAccount = ({ stopped, ...account }: AccountView): object => ({
  ...account,
  state: stopped === undefined ? 'active' : 'stopped',
  reason: stopped,
});
const shown = ({ accounts, types }: TradeSettings): object => ({
  accounts: accounts.map(shownAccount),
  types,
});

export function tradeSettingsRoutes({ tradeGroups, platforms }: AppDeps): Route[] {
  const choice = route({
    method: 'GET',
    path: '/v1/trade-platforms',
    tag,
    summary: 'Connected platforms, and the system types of trades',
    auth: 'user',
    answers: { 200: { description: 'What there is to choose from.', schema: answers.platforms } },
    problems: [],
    handle: ({ requestId }) =>
      page(requestId, { items: platforms?.list ?? [], types: systemTypes }),
  });

  const get = route({
    method: 'GET',
    path,
    tag,
    summary: 'What the caller shares in the group (members)',
    auth: 'user',
    params,
    pathRefusal,
    answers: { 200: { description: 'The settings.', schema: answers.settings } },
    problems: ['unknown'],
    async handle({ caller, requestId, path: { id } }) {
      const settings = await tradeGroups.settings(id, caller.userId);
      if (settings === undefined) return problem(requestId, 'group_not_found');
      return page(requestId, shown(settings));
    },
  });

  const put = route({
    method: 'PUT',
    path,
    tag,
    summary: 'Share trades of these accounts that are of these types (members)',
    description:
      'Replaces all. No types: every trade is shared. An account is the same in all groups of the caller: so is its ' +
      'secret, and it is forgotten when the last of them does not name it any more.',
    auth: 'user',
    params,
    pathRefusal,
    body: settingsBody,
    confidential: true,
    answers: { 200: { description: 'As they are now.', schema: answers.settings } },
    problems: ['sharing_full', 'secrets_not_configured', 'unknown'],
    async handle({ caller, requestId, path: { id }, body }) {
      const result = await tradeGroups.putSettings(id, caller.userId, body);
      switch (result.code) {
        case 'put':
          return page(requestId, shown(result.settings));
        case 'wrong_settings':
          return problem(requestId, 'invalid_request', { errors: result.errors });
        case 'group_not_found':
        case 'secrets_not_configured':
        case 'sharing_full':
          return problem(requestId, result.code);
        default:
          return assertNever(result);
      }
    },
  });
  return [choice, get, put];
}
