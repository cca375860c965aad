/** Development only: tokens for anybody, operators too. Absent unless switched on. */
import { createTokenSigner } from '../auth.ts';
import type { AppDeps } from '../deps.ts';
import { answerText } from '../answer.ts';
import { route, type Route } from '../route.ts';
import * as answers from '../schemas/answers.ts';
import { devTokenBody } from '../schemas/requests.ts';

/** Empty without `devLogin` or without a shared secret: the path is then a 404 like any other. */
export function devRoutes({ clock, options }: AppDeps): Route[] {
  const { audience, secret } = options.auth;
  if (!options.devLogin || secret === undefined) return [];
  const sign = createTokenSigner({ audience, secret }, clock);
  return [
    route({
      method: 'POST',
      path: '/v1/dev/tokens',
      tag: 'Development',
      summary: 'A token for any user id; development only',
      auth: 'none',
      body: devTokenBody,
      answers: { 201: { description: 'The token.', schema: answers.token } },
      problems: [],
      async handle({ requestId, body }) {
        const token = await sign({
          userId: body.userId,
          name: body.name,
          scopes: [...new Set(body.scopes)],
        });
        return answerText(requestId, 201, JSON.stringify({ token }), {
          'cache-control': 'no-store',
        });
      },
    }),
  ];
}
