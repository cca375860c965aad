/** Read-your-writes with money: what was answered as opened can be spent at once, whoever settles and when. */
import { afterEach, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { activeBatch, clientOf, startServer } from '../setup/server.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

it('an opened amount funds a batch right away, although nothing is settled yet', async () => {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  // Nobody settles but the owner itself, after some seconds.
  const server = await startServer({ DATABASE_URL: database.url, WORKERS: 'none' });
  endings.push(() => server.end('SIGTERM'));
  const [anna, ben] = [await clientOf(server.url, 'anna'), await clientOf(server.url, 'ben')];
  const batch = { mode: 'fixed', count: 2, each: 500 };
  const id = await activeBatch(server.url, anna, 'anna', batch, ['ben']);
  expect((await ben.post(`/v1/batches/${id}/claims?open=true`)).body).toMatchObject({
    amount: 500,
  });
  const own = await ben.post('/v1/batches', { mode: 'fixed', count: 2, each: 250 });
  const confirmed = await ben.post(`/v1/batches/${String(own.body['id'])}/confirm`);
  expect(confirmed).toMatchObject({ status: 200, body: { status: 'active' } });
  expect((await ben.get('/v1/accounts')).body).toMatchObject({ items: [{ balance: 0 }] });
});

it('readiness says that it drains while a request under way is finished', async () => {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const server = await startServer({ DATABASE_URL: database.url, DRAIN_GRACE_MS: '1500' });
  const ended = server.end('SIGTERM');
  let status = 200;
  while (status === 200) status = (await fetch(`${server.url}/readyz`)).status;
  expect(status).toBe(503);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  expect(await ended).toBe(0);
});
