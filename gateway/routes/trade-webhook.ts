/** Where trade platforms push to. Paths A and C. (T8, T10, c14, ¶86, ¶88) */
import { z } from 'zod';
import { platformPushBytesMax } from '../../engine/limits.ts';
import { page } from '../answer.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever } from '../http.ts';
import { problem } from '../problems.ts';
import { route, type Route } from '../route.ts';
import { platformName } from '../schemas/trade-requests.ts';

const header = (description: string) => z.string().max(512).meta({ description });

/** Of all contracts: each platform reads its own. */
const headers = {
  'Trade-Timestamp': header('Generic: seconds since the epoch.'),
  'Trade-Signature': header(
    'Generic: `v1=` and the hex HMAC-SHA256 over timestamp, `.`, raw body.',
  ),
  'X-WC-Webhook-Topic': header('WooCommerce.'),
  'X-WC-Webhook-Signature': header('WooCommerce: base64 HMAC-SHA256 over the raw body.'),
};
const answer = z.strictObject({
  status: z.enum(['taken', 'repeated', 'ping']).meta({
    description: '`repeated`: it was taken before. `ping`: there was nothing to take.',
  }),
});

export function tradeWebhookRoutes({ platforms, tradeIntake, clock }: AppDeps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/trade-platforms/:platform/webhook',
      tag: 'Trades',
      summary: 'A push of trades, signed by the platform',
      description:
        'deploy/trade-platform-api.md has the contract. A 2xx means that the trades are kept, those to be shown ' +
        'are shown, and those of accounts that nobody has given are passed over; anything else: push again, later.',
      auth: 'none',
      params: { platform: platformName },
      pathRefusal: 'platform_not_found',
      headers,
      rawBody: { bytesMax: platformPushBytesMax, description: 'Signed as it is, byte for byte.' },
      answers: { 200: { description: 'Kept.', schema: answer } },
      problems: ['bad_signature', 'push_too_old', 'push_malformed', 'unknown'],
      async handle({ requestId, path, headers: given, rawBody }) {
        const platform = platforms?.get(path.platform);
        const paths = platforms?.info(path.platform)?.paths ?? [];
        if (platform === undefined || !paths.some((way) => way === 'push' || way === 'same')) {
          return problem(requestId, 'platform_not_found');
        }
        const named = Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]);
        const lower = Object.fromEntries(named) as Readonly<Record<string, string>>;
        const push = await platform.webhook(lower, rawBody, clock.now());
        const status = await tradeIntake.take(path.platform, push);
        switch (status) {
          case 'taken':
          case 'repeated':
          case 'ping':
            return page(requestId, { status });
          case 'bad_signature':
            return problem(requestId, 'bad_signature');
          case 'too_old':
            return problem(requestId, 'push_too_old');
          case 'malformed':
            return problem(requestId, 'push_malformed');
          default:
            return assertNever(status);
        }
      },
    }),
  ];
}
