/** Poison: an event that can never apply sets its batch aside, keeps what was told, and blocks no other batch. */
import { Client as Postgres } from 'pg';
import { afterEach, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { activeBatch, clientOf, startServer } from '../setup/server.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

it('a batch whose stored counters are damaged goes into quarantine; its neighbour goes on', async () => {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const server = await startServer({ DATABASE_URL: database.url });
  endings.push(() => server.end('SIGTERM'));
  const postgres = new Postgres(database.url);
  await postgres.connect();
  endings.push(() => postgres.end());

  const sender = await clientOf(server.url, 'sender');
  const [anna, ben] = [await clientOf(server.url, 'anna'), await clientOf(server.url, 'ben')];
  const batch = { mode: 'fixed', count: 3, each: 5 };
  const sick = await activeBatch(server.url, sender, 'sender', batch, ['anna', 'ben']);
  const healthy = await activeBatch(server.url, sender, 'sender', batch, ['anna', 'ben']);
  // Wait until the audience has settled, then damage the row behind the actor's back.
  await sender.get(`/v1/batches/${sick}`);
  await postgres.query('UPDATE batch SET claimed = count WHERE id = $1', [sick]);

  const told = await anna.post(`/v1/batches/${sick}/claims`);
  expect(told.status).toBe(201);
  let refused = await ben.post(`/v1/batches/${sick}/claims`);
  while (refused.status !== 503) refused = await ben.post(`/v1/batches/${sick}/claims`);
  expect(refused.body).toMatchObject({ code: 'quarantined' });
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect((await ben.post(`/v1/batches/${healthy}/claims?open=true`)).body).toMatchObject({
    amount: 5,
  });
  expect((await ben.get('/v1/accounts')).body).toMatchObject({ items: [{ balance: 5 }] });

  const { rows } = await postgres.query(
    'SELECT version, reason FROM quarantine WHERE batch = $1 ORDER BY id',
    [sick],
  );
  expect(rows[0]).toMatchObject({ reason: 'more_claims_than_packets' });
  const operator = await clientOf(server.url, 'operator', ['operator']);
  expect((await operator.get('/v1/operator/audit')).body).toMatchObject({ ok: false });
  const metrics = await fetch(`${server.url}/metrics`).then((response) => response.text());
  expect(metrics).toMatch(/^hongbao_quarantined_events_total [1-9]/m);
  expect(server.output()).toContain(`"batchId":"${sick}"`);
});
