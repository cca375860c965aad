/** The limit: the same route on bare Hono, without authentication, body, batch or disk; its answer is a constant. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const answer = JSON.stringify({
  batchId: '1',
  packetId: '1-12345',
  receiverId: 'receiver-12345',
  status: 'opened',
  claimedAt: '2026-01-01T00:00:00.000Z',
  amount: 123,
  asset: 'CNY',
  openedAt: '2026-01-01T00:00:00.000Z',
  position: '12-3456',
});
const headers = { 'content-type': 'application/json' };

const app = new Hono();
// Cheaper than `c.json`: a limit is as fast as it can be.
app.post('/v1/batches/:id/claims', () => new Response(answer, { status: 201, headers }));

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ port }));
// The benchmark is gone.
process.on('disconnect', () => process.exit());
