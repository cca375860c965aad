/** The limit: the same route on bare Hono, without authentication, body, batch or disk; its answer is a constant. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const answer = {
  batchId: '1',
  packetId: '1-12345',
  receiverId: 'receiver-12345',
  status: 'opened',
  claimedAt: '2026-01-01T00:00:00.000Z',
  amount: 123,
  asset: 'CNY',
  openedAt: '2026-01-01T00:00:00.000Z',
  position: '12-3456',
};

const app = new Hono();
app.post('/v1/batches/:id/claims', (c) => c.json(answer, 201));

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ port }));
// The benchmark is gone.
process.on('disconnect', () => process.exit());
