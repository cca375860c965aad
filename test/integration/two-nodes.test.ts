/**
 * Two processes on one Postgres and one Redis: they share the shards, answer for each other, and one that was paused
 * while the other took over tells nobody anything that is not in the ledger (invariants 2, 3, 7).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import {
  activeBatch,
  clientOf,
  startNodes,
  type Answer,
  type TestServer,
  untilServing,
} from '../setup/server.ts';

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('two nodes', () => {
  let database: TestDatabase;
  let redis: TestRedis;
  let nodes: TestServer[];

  beforeAll(async () => {
    database = await freshDatabase();
    redis = await startRedis();
    nodes = await startNodes(['a', 'b'], { DATABASE_URL: database.url, REDIS_URL: redis.url });
  });
  afterAll(async () => {
    for (const node of nodes) await node.end('SIGTERM');
    await redis.remove();
    await database.drop();
  });

  it('answer for each other, and read what the other was told to tell', async () => {
    const sender = await clientOf((nodes[0] as TestServer).url, 'sender');
    for (let round = 0; round < 6; round += 1) {
      const [here, there] = nodes as [TestServer, TestServer];
      const receivers = [`anna${round}`, `ben${round}`];
      const id = await activeBatch(
        here.url,
        sender,
        'sender',
        { mode: 'fixed', count: 2, each: 7 },
        receivers,
      );
      for (const [node, user] of [
        [here, receivers[0]],
        [there, receivers[1]],
      ] as const) {
        const client = await clientOf(node.url, user ?? '');
        const claimed = await client.post(`/v1/batches/${id}/claims?open=true`);
        expect(claimed).toMatchObject({ status: 201, body: { amount: 7, receiverId: user } });
        const accounts = await client.get('/v1/accounts');
        expect(accounts.body).toMatchObject({ items: [{ asset: 'CNY', balance: 7 }] });
        const page = await client.get(`/v1/batches/${id}`);
        expect(page.body['claimed']).toBe(receivers.indexOf(user ?? '') + 1);
      }
      const stranger = await clientOf(there.url, 'stranger');
      expect((await stranger.post(`/v1/batches/${id}/claims`)).body).toMatchObject({
        code: 'not_in_audience',
      });
    }
  });

  it(
    'a paused one that wakes after the take-over contradicts nothing',
    { timeout: 90_000 },
    async () => {
      const [first, second] = nodes as [TestServer, TestServer];
      const receivers = Array.from({ length: 400 }, (_, i) => `r${i}`);
      const sender = await clientOf(first.url, 'sender2');
      const batches: string[] = [];
      for (let i = 0; i < 4; i += 1) {
        batches.push(
          await activeBatch(
            first.url,
            sender,
            'sender2',
            { mode: 'lucky', count: 300, total: 30_000 },
            receivers,
          ),
        );
      }
      const told: { batchId: string; receiverId: string; answer: Answer }[] = [];
      const clients = await Promise.all(
        receivers.map(async (id) => [id, await clientOf(first.url, id)] as const),
      );
      const ask = async (batchId: string, receiverId: string, client: (typeof clients)[0][1]) => {
        const answer = await client
          .post(`/v1/batches/${batchId}/claims?open=true`)
          .catch(() => undefined);
        if (answer !== undefined && answer.status < 500) told.push({ batchId, receiverId, answer });
      };
      // A first part is answered; then, with requests on their way to it, the first node is paused.
      await Promise.all(
        clients
          .slice(0, 100)
          .flatMap(([id, client]) => batches.map((batch) => ask(batch, id, client))),
      );
      const underWay = clients
        .slice(100, 200)
        .flatMap(([id, client]) => batches.map((batch) => ask(batch, id, client)));
      await new Promise((resolve) => setImmediate(resolve));
      process.kill(first.pid, 'SIGSTOP');
      await untilServing(second, 256);
      const others = await Promise.all(
        receivers.slice(200).map(async (id) => [id, await clientOf(second.url, id)] as const),
      );
      await Promise.all(
        others.flatMap(([id, client]) => batches.map((batch) => ask(batch, id, client))),
      );
      process.kill(first.pid, 'SIGCONT');
      await Promise.all(underWay);

      // Everybody asks the node that took over: whoever was told anything must hear it again.
      for (const [id] of clients) {
        const client = await clientOf(second.url, id);
        for (const batchId of batches) {
          let again = await client.post(`/v1/batches/${batchId}/claims?open=true`);
          while (again.status === 503)
            again = await client.post(`/v1/batches/${batchId}/claims?open=true`);
          const { packetId, amount } = again.body;
          for (const { answer } of told.filter(
            (one) => one.batchId === batchId && one.receiverId === id,
          )) {
            if (answer.status === 410) expect(again.status).toBe(410);
            else
              expect({ packetId, amount }).toEqual({
                packetId: answer.body['packetId'],
                amount: answer.body['amount'],
              });
          }
        }
      }
      const operator = await clientOf(second.url, 'operator', ['operator']);
      await until(async () => (await operator.get('/v1/operator/audit')).body['ok'] === true);
      expect(told.filter(({ answer }) => answer.status === 201).length).toBeGreaterThan(400);
    },
  );
});
