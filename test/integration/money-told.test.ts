/** Read-your-writes with money: what was answered as opened can be spent at once, whoever settles and when. */
import { afterEach, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import {
  activeBatch,
  clientOf,
  startNodes,
  startServer,
  type TestServer,
} from '../setup/server.ts';

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

it('an opened amount is withdrawn right away, although nothing is settled yet', async () => {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const server = await startServer({
    DATABASE_URL: database.url,
    WORKERS: 'none',
    CARD_KEYS: `k1:${Buffer.alloc(32, 5).toString('base64')}`,
  });
  endings.push(() => server.end('SIGTERM'));
  const [anna, ben] = [await clientOf(server.url, 'anna'), await clientOf(server.url, 'ben')];
  const card = { holderName: 'Ben', cardNumber: '4111111111111111', bank: 'ICBC' };
  expect((await ben.call('PUT', '/v1/payment/registration', card)).status).toBe(200);
  const withdraw = () => ben.post('/v1/withdrawals', { asset: 'CNY', amount: 500 });
  expect(await withdraw()).toMatchObject({ status: 409, body: { code: 'insufficient_funds' } });
  const batch = { mode: 'fixed', count: 2, each: 500 };
  const id = await activeBatch(server.url, anna, 'anna', batch, ['ben']);
  expect((await ben.post(`/v1/batches/${id}/claims?open=true`)).body).toMatchObject({
    amount: 500,
  });
  expect(await withdraw()).toMatchObject({ status: 201 });
  expect(await withdraw()).toMatchObject({ status: 409, body: { code: 'insufficient_funds' } });
  const { body } = await ben.get('/v1/accounts');
  expect(body).toMatchObject({ items: [{ balance: 0, held: 500 }] });
});

it('on another node it is spent and withdrawn with the position that came with it', async () => {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const settings = {
    DATABASE_URL: database.url,
    WORKERS: 'none',
    CARD_KEYS: `k1:${Buffer.alloc(32, 5).toString('base64')}`,
  };
  const nodes = await startNodes(['a', 'b'], settings);
  endings.push(() => Promise.all(nodes.map((node) => node.end('SIGTERM'))));
  const [first, other] = nodes as [TestServer, TestServer];
  const anna = await clientOf(first.url, 'anna');
  const [here, there] = [await clientOf(first.url, 'ben'), await clientOf(other.url, 'ben')];
  const card = { holderName: 'Ben', cardNumber: '4111111111111111', bank: 'ICBC' };
  await there.call('PUT', '/v1/payment/registration', card);
  const batch = { mode: 'fixed', count: 2, each: 500 };
  const own = await there.post('/v1/batches', { mode: 'fixed', count: 2, each: 250 });
  for (const path of [`/v1/batches/${String(own.body['id'])}/confirm`, '/v1/withdrawals']) {
    const id = await activeBatch(first.url, anna, 'anna', batch, ['ben']);
    const told = await here.post(`/v1/batches/${id}/claims?open=true`);
    const after = `?after=${String(told.body['position'])}`;
    const body = path === '/v1/withdrawals' ? { asset: 'CNY', amount: 500 } : undefined;
    expect((await there.post(path + after, body)).body).not.toHaveProperty('code');
    expect((await there.post(`${path}?after=nonsense`, body)).status).toBe(
      path === '/v1/withdrawals' ? 400 : 200,
    );
  }
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
