/** The receive link itself: a neutral page that tells nothing about the batch. (E6) */
import { createHash } from 'node:crypto';
import { route, type Route } from '../route.ts';
import * as fields from '../schemas/fields.ts';

const style =
  'body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;' +
  'background:#faf6f2;color:#333}main{padding:2rem;text-align:center}h1{font-size:1.25rem}';
const styleHash = createHash('sha256').update(style).digest('base64');

/** The link holds the key, so the page sends no referrer, is stored nowhere and loads nothing. */
const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex',
} as const;

/** `id` is digits only, so the text needs no escaping. */
function html(id: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Red packet ${id}</title>
<style>${style}</style>
</head>
<body><main><h1>Red packet ${id}</h1><p>Open this link with the app to claim your packet.</p></main></body>
</html>
`;
}

/** `GET /r/{id}` */
export function receiveRoutes(): Route[] {
  return [
    route({
      method: 'GET',
      path: '/r/:id',
      tag: 'Receive link',
      summary: 'A page that names the batch; whether it exists is not told (E6)',
      auth: 'none',
      params: { id: fields.batchId },
      pathRefusal: 'batch_not_found',
      answers: { 200: { description: 'The page.', contentType: 'text/html' } },
      problems: ['batch_not_found'],
      handle({ requestId, path }) {
        const all = { ...headers, 'x-request-id': requestId };
        return { status: 200, headers: all, body: html(path.id) };
      },
    }),
  ];
}
