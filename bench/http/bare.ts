/** The limit: the same routes on bare Hono, without authentication, body, batch or disk; its answers are constants. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const time = '2026-01-01T00:00:00.000Z';
const item = {
  packetId: '1-12345',
  receiverId: 'receiver-0012345',
  status: 'opened',
  claimedAt: time,
  openedAt: time,
  amount: 123,
};
const opened = { batchId: '1', ...item, asset: 'CNY', position: '12-3456' };
const batch = {
  id: '1',
  status: 'active',
  mode: 'lucky',
  count: 2,
  total: 200,
  asset: 'CNY',
  greeting: '',
  senderId: 'sender-1',
  createdAt: time,
  expiresAt: time,
  link: 'http://localhost:8080/r/1?k=xxxxxxxxxxxxxxxxxxxxxx',
};
const json = { 'content-type': 'application/json' };

const app = new Hono();
/** Cheaper than `c.json`: a limit is as fast as it can be. */
function constant(
  method: 'GET' | 'POST',
  path: string,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = json,
): void {
  const text = JSON.stringify(body);
  app.on(method, path, () => new Response(text, { status, headers }));
}

constant('POST', '/v1/batches/:id/claims', 201, opened);
constant('GET', '/v1/batches/:id/claims', 200, { items: Array.from({ length: 50 }, () => item) });
constant('POST', '/v1/batches', 201, batch);
constant('POST', '/v1/batches/:id/confirm', 200, batch);
constant('POST', '/v1/batches/:id/audience', 200, { receivers: 0, anyone: true });
constant('POST', '/v1/batches/:id/open', 200, opened);

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ port }));
// The benchmark is gone.
process.on('disconnect', () => process.exit());
